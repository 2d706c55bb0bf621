# Drives a POP3 server with Python's poplib and prints what it saw as JSON: port, tls port, user, password, CA file.
import json
import poplib
import ssl
import sys

port, tls_port, user, password, ca = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:6]
context = ssl.create_default_context(cafile=ca)
seen = {}

pop = poplib.POP3("localhost", port, timeout=20)
seen["welcome"] = pop.getwelcome().decode()
seen["before"] = pop.capa()
pop.stls(context)
seen["within"] = pop.capa()
pop.utf8()
try:
    pop.user(user)
    pop.pass_("wrong")
except poplib.error_proto as error:
    seen["wrong"] = str(error)
pop.user(user)
pop.pass_(password)
count, size = pop.stat()
seen["stat"] = [count, size]
seen["list"] = [line.decode() for line in pop.list()[1]]
seen["uidl"] = [line.decode() for line in pop.uidl()[1]]
seen["messages"] = [b"\r\n".join(pop.retr(n + 1)[1]).decode("latin1") for n in range(count)]
seen["top"] = b"\r\n".join(pop.top(1, 1)[1]).decode("latin1")
pop.dele(1)
pop.rset()
seen["reset"] = pop.stat()[0]
pop.dele(count)
pop.quit()

pop = poplib.POP3_SSL("localhost", tls_port, timeout=20, context=context)
pop.user(user)
pop.pass_(password)
seen["left"] = pop.stat()[0]
pop.quit()
print(json.dumps(seen))
