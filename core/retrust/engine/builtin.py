"""The core's own features, registered through the hooks like anyone's."""

from __future__ import annotations

from collections.abc import Sequence

from retrust.commands import Command
from retrust.hookspecs import hookimpl


@hookimpl
def retrust_gates() -> Sequence[str]:
    return ["retrust.gates:Confirm", "retrust.gates:Standard"]


@hookimpl
def retrust_commands() -> Sequence[Command]:
    return [
        Command("init", "write a commented inventory", "retrust.cli.inventory:init"),
        Command("schema", "print the inventory's JSON schema, for editors", "retrust.cli.inventory:schema"),
        Command("check", "read only: pins, verdicts, evidence", "retrust.cli.look:check"),
        Command("plan", "check, then the plan as a diff, its digest and gates", "retrust.cli.look:plan"),
        Command("impact", "which pins a planned renewal will break", "retrust.cli.look:impact"),
        Command("event log", "hand in log text", "retrust.cli.event:log"),
        Command("event renewed", "hand in a certificate renewal", "retrust.cli.event:renewed"),
        Command("event attested", "enter a fingerprint that you read out of band", "retrust.cli.event:attested"),
        Command("cases", "list cases", "retrust.cli.cases:cases"),
        Command("show", "the whole story of a case", "retrust.cli.cases:show"),
        Command("approve", "say yes to a case's plan", "retrust.cli.cases:approve"),
        Command("reject", "say no to a case's plan", "retrust.cli.cases:reject"),
        Command("cancel", "end a case without acting", "retrust.cli.cases:cancel"),
        Command("dismiss", "say that a sighting was wrong", "retrust.cli.cases:dismiss"),
        Command("login", "work against a running service from then on", "retrust.cli.remote:login"),
        Command("logout", "work on the ledger here again", "retrust.cli.remote:logout"),
        Command("accept", "trust a node's new host key or web certificate", "retrust.cli.accept:accept"),
        Command("token create", "create a person's API token", "retrust.cli.token:create"),
        Command("token list", "list tokens", "retrust.cli.token:list_tokens"),
        Command("token revoke", "revoke a token", "retrust.cli.token:revoke"),
        Command("audit verify", "check the ledger's chain, or an exported pack offline", "retrust.cli.audit:verify"),
        Command("audit key", "print the ledger's public key, for others to pin", "retrust.cli.audit:key"),
        Command("audit join", "let another home's key sign the ledger's chain", "retrust.cli.audit:join"),
        Command("audit export", "write a case's signed evidence pack", "retrust.cli.audit:export"),
        Command("backup", "save this home in one file", "retrust.cli.backup:backup"),
        Command("restore", "unpack a backup into an empty home", "retrust.cli.backup:restore"),
        Command("plugins list", "what is loaded, and from where", "retrust.cli.plugins:list_plugins"),
        Command("plugins new", "write a plugin's scaffold, with tests that pass", "retrust.cli.plugins:new"),
    ]
