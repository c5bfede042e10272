"""pgcli: the program itself, and all that it asks of the catalog to complete words."""
import os
import subprocess
import sys
import tempfile

from pgcli.completion_refresher import CompletionRefresher
from pgcli.pgcompleter import PGCompleter
from pgcli.pgexecute import PGExecute
from pgspecial.main import PGSpecial

host, port = sys.argv[1].rsplit(":", 1)
execute = PGExecute(database="leat", user="leat", host=host, port=port)
completer = PGCompleter(smart_completion=True, pgspecial=PGSpecial())
for name, refresher in CompletionRefresher.refreshers.items():
    refresher(completer, execute)
known = completer.dbmetadata
assert {"customers", "orders", "numbered"} <= set(known["tables"]["public"]), known["tables"]
assert {"rich", "totals"} <= set(known["views"]["public"]), known["views"]
assert list(known["tables"]["public"]["customers"])[:2] == ["id", "name"], known["tables"]["public"]["customers"]
for command in (r"\d", r"\dt", r"\dv", r"\dn", r"\du", r"\df", r"\l", r"\dT", r"\d customers", r"\d+ customers", r"\d rich",
                r"\d numbered", r"\dm", r"\di", r"\ds", r"\dx"):
    for _, rows, _, status, *_ in execute.run(command, PGSpecial()):
        list(rows or [])
execute.conn.close()

with tempfile.TemporaryDirectory() as home:
    env = dict(os.environ, HOME=home, XDG_CONFIG_HOME=home, PGCLI_NO_KEYRING="1")
    out = subprocess.run([os.path.join(os.path.dirname(sys.executable), "pgcli"), "-h", host, "-p", port, "-U", "leat", "leat"],
                         input="SELECT name || '!' AS shout FROM customers ORDER BY id;\n\\q\n", env=env, text=True,
                         capture_output=True, timeout=60)
    assert "Ada!" in out.stdout and "SELECT 2" in out.stdout, out
print("ok")
