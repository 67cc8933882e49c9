"""What the bench of notifications sends to, and the service that it measures."""

import http.client
import json
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

START_SECONDS = 60
# How often open connections are counted.
LOOK_SECONDS = 0.02
ESTABLISHED = "01"
# Debian's; /usr/sbin is often not on the PATH.
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
POSTFIX = {
    "main.cf": """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
myhostname = relay.example.org
mydestination =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
default_transport = discard
smtpd_discard_ehlo_keywords = dsn
""",
    # Debian's own, without what only other machines or other ways out need, and not chrooted.
    "master.cf": """127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
""",
}


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(port, name, has_ended):
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if has_ended() or time.monotonic() > deadline:
                sys.exit(f"bench: {name} did not start")
            time.sleep(0.05)


def end(process):
    process.terminate()
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Sink:
    """Postfix's own smtp-sink: takes mails and throws them away."""

    def __init__(self):
        self.port = free_port()
        program = shutil.which("smtp-sink", path=PATH)
        # As root it asks whom to be.
        whom = ["-u", "nobody"] if os.getuid() == 0 else []
        self.process = subprocess.Popen([program, *whom, f"127.0.0.1:{self.port}", "1000"])
        wait_for(self.port, "smtp-sink", lambda: self.process.poll() is not None)

    def stop(self):
        end(self.process)


class Postfix:
    """A Postfix with settings, queue and log of its own; what it takes, it throws away.

    It offers no reports (DSN): each would be one more mail, and only our mailer asks for them.
    """

    @staticmethod
    def why_not():
        if not shutil.which("postfix", path=PATH):
            return "Postfix is not installed"
        return None if os.getuid() == 0 else "Postfix starts as root only"

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="iven-bench-"))
        self.port = free_port()
        self.folder.chmod(0o755)
        for name in ("etc", "queue", "data", "log"):
            (self.folder / name).mkdir()
        owner = pwd.getpwnam("postfix")
        os.chown(self.folder / "data", owner.pw_uid, owner.pw_gid)
        for name, text in POSTFIX.items():
            text = text.format(folder=self.folder, port=self.port)
            (self.folder / "etc" / name).write_text(text)
        self.command("start")
        wait_for(self.port, "Postfix", lambda: False)

    def command(self, word):
        program = shutil.which("postfix", path=PATH)
        subprocess.run([program, "-c", self.folder / "etc", word], stdout=sys.stderr, check=True)

    def stop(self):
        self.command("stop")
        shutil.rmtree(self.folder, ignore_errors=True)


class Fakes:
    """The bench's own mail server and Google, which know how late it is what comes."""

    def __init__(self, program, latency_ms=0):
        command = [program, "fakes", "--latency-ms", str(latency_ms)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        said = json.loads(self.process.stdout.readline())
        self.smtp, self.fcm, self.account = said["smtp"], said["fcm"], said["account"]
        self.folder = tempfile.mkdtemp(prefix="iven-bench-")
        self.ca = pathlib.Path(self.folder) / "ca.pem"
        self.ca.write_text(said["ca"])

    def seen(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


class Service:
    """`iven-worker serve` on a folder that is there already, with the fakes as its carriers."""

    def __init__(self, program, folder, fakes):
        self.port = free_port()
        environment = {
            "IVEN_BIND": f"127.0.0.1:{self.port}",
            "CLAMD": f"unix:{folder}/none.sock",
            "SMTP_URL": f"smtp://127.0.0.1:{fakes.smtp}?tls=never",
            "IVEN__EMAIL__FROM": "Iven <noreply@example.org>",
            "IVEN__FCM__ENDPOINT": f"https://127.0.0.1:{fakes.fcm}",
            "IVEN__FCM__CA_FILE": str(fakes.ca),
            "IVEN__FCM__SERVICE_ACCOUNT": fakes.account,
            "IVEN__LOG__LEVEL": "error",
            "IVEN__STORE__DATA_DIR": f"{folder}/data",
        }
        self.process = subprocess.Popen([program, "serve"], env={**os.environ, **environment},
                                        stdout=sys.stderr)
        wait_for(self.port, "the service", lambda: self.process.poll() is not None)

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body and json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                sys.exit(f"bench: {method} {path}: {answer.status} {text[:300]}")
            return json.loads(text)
        finally:
            connection.close()

    def jobs(self):
        """How many jobs there are in which state, of all queues together."""
        counted = {}
        for queue in self.ask("GET", "/v1/queues")["items"]:
            for state, jobs in queue["depth"].items():
                counted[state] = counted.get(state, 0) + jobs
        return counted

    def cpu_seconds(self):
        spent = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        end(self.process)


class Sockets:
    """Counts the connections to a port of this machine: the most there were at once."""

    def __init__(self, port):
        self.port, self.most, self.is_over = f":{port:04X}", 0, False

    def __enter__(self):
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()

    def look(self):
        while not self.is_over:
            with open("/proc/net/tcp") as table:
                lines = [line.split() for line in table]
            is_one = lambda line: line[2].endswith(self.port) and line[3] == ESTABLISHED
            self.most = max(self.most, sum(map(is_one, lines)))
            time.sleep(LOOK_SECONDS)
