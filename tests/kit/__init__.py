"""What tests of several folders share, and no plugin's own test needs: a console's world, OpenID, ClientHellos."""
