"""The commented inventory that ``retrust init`` writes: valid as it stands, and every secret a reference."""

TEMPLATE = """\
# What Retrust looks after. `retrust check` reads it and changes nothing.
# Secrets are references, never values: env:NAME reads an environment variable, file:PATH a file.
# Relative paths are relative to this file. Durations: 30s, 10m, 72h, 7d.
# For editors: `retrust schema > inventory.schema.json`, then
# yaml-language-server: $schema=inventory.schema.json

# home: /var/lib/retrust                # where state lives: the ledger, its key; RETRUST_HOME overrides it

sites:
  campus:                               # the name is yours; commands take it
    target: cisco-prime
    primary:
      host: 192.0.2.11                  # as it stands in the list of TOFU certificates
      health_monitor_port: 8082
      ssh:
        port: 22
        username: admin
        password: env:PI_PASSWORD
        # What `ssh-keygen -lf` prints of the server's host key, read on its console; or a list.
        # In its place: known_hosts: ./known_hosts
        host_key: SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
        # address: 203.0.113.11         # if SSH is reached elsewhere
      web:                              # needed where a driver below is browser
        port: 443
        username: root
        password: env:PI_WEB_PASSWORD
        ca: site-ca.pem                 # or fingerprint: "SHA256:…", of the web certificate
    secondary:
      host: 192.0.2.12
      ssh:
        username: admin
        password: env:PI_PASSWORD
        host_key: SHA256:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB
    ha:
      authentication_key: env:PI_HA_KEY
      email: [noc@example.com]
      failover: manual                  # automatic is possible; the vendor recommends manual
      driver: browser                   # or operator: a person fills in the pages, Retrust watches
      # virtual_ip: {ipv4: 192.0.2.10/24, ipv6: "2001:db8::10/64"}   # the prefix is for the subnet check
    ise:                                # the ISE servers that the pair uses; [] for none
      - host: 192.0.2.21
        username: admin
        password: env:ISE_PASSWORD
    # dna_center: [{host: 192.0.2.31}]  # servers of DNA Center or Catalyst Center that the pair pins
    trust:
      # ca: site-ca.pem                 # your own CA: a chain and name that validate are evidence
      tunnels: auto                     # never: open no channel through the appliances, and prove less
    # timeouts: {command: 60s, settle: 10m, registration: 4h}
    # policy:                           # risk class to gates; these are the defaults where people are named
    #   delete-pin: [{gate: people, approvers: 1}]
    #   interrupting: [{gate: people, approvers: 2}]
    # maintenance: true                 # keep and tell sightings, start nothing

# People who may decide, with their roles, and what shows that it is them: their subject at the OpenID provider, their
# SSH keys, or a token (`retrust token create`). Without any people, whoever is at the terminal confirms.
# people:
#   alice:
#     roles: [network]
#     ssh_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA alice"]
#     subject: 8f3c6a1e                 # her sub at console.oidc.issuer
#   bob: [network, security]

# settings:                             # for every site that does not say otherwise
#   clocks: {decision: 72h, observation: 10m}
#   recurrence: {healed: 3, days: 30}   # healed more often than this: automation stops, a person is asked
"""
