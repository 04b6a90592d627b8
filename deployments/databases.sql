-- One database for Prefect, one for the ledger, each with an owner who sees nothing of the other's.
\getenv prefect_password PREFECT_SERVER_DATABASE_PASSWORD
\getenv ledger_password RETRUST_LEDGER_PASSWORD
CREATE ROLE prefect LOGIN PASSWORD :'prefect_password';
CREATE ROLE retrust LOGIN PASSWORD :'ledger_password';
CREATE DATABASE prefect OWNER prefect;
CREATE DATABASE retrust OWNER retrust;
REVOKE CONNECT ON DATABASE prefect, retrust FROM PUBLIC;
\connect prefect
CREATE EXTENSION IF NOT EXISTS pg_trgm;
