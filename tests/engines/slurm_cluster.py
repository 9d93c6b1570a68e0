"""A cluster of SLURM on this machine alone: a controller and two nodes, in a folder of their own.

Its commands find it by SLURM_CONF. It takes root, who may start jobs for others, and the daemons, which Debian has as
`slurmctld slurmd slurm-client munge`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
START_SECONDS = 60.0
NODES = ("one", "two")
CONFIGURATION = """
ClusterName=hptui
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge/socket,cred_expire={requeue_seconds}
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,sched_min_interval=100000
PriorityType=priority/basic
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MailProg=/bin/true
ReturnToService=2
SlurmdParameters=config_overrides
SlurmdTimeout=6
KillWait=5
BatchStartTimeout=2
OverTimeLimit=0
InactiveLimit=0
MinJobAge=120
NodeName={names} NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports[1]},{ports[2]}] CPUs={cpus} State=UNKNOWN
PartitionName=short Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why there can be no cluster here; empty: there can."""
    lacking = [name for name in DAEMONS if shutil.which(name) is None]
    if lacking:
        return f"no {', '.join(lacking)} here (Debian: slurmctld slurmd slurm-client munge)"
    return "" if os.geteuid() == 0 else "slurmd starts jobs as root alone"


class Cluster:
    """Its daemons are children of this process, and nothing of it stays."""

    def __init__(self, cpus: int = 4, requeue_seconds: int = 6) -> None:
        """`cpus` of each node; `requeue_seconds`: how long a job that is queued again has to wait at least."""
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # a short path: it has a socket
        self.configuration = self.folder / "slurm.conf"
        (self.folder / "munge").mkdir(0o755)
        (self.folder / "state").mkdir()
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        text = CONFIGURATION.format(
            host=socket.gethostname(),
            folder=self.folder,
            ports=_free_ports(3),
            names=",".join(NODES),
            cpus=cpus,
            requeue_seconds=requeue_seconds,
        )
        self.configuration.write_text(text, "ascii")
        self._environment = os.environ | {"SLURM_CONF": str(self.configuration)}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start all of it; RuntimeError with what the logs say where it does not come up."""
        munge = self.folder / "munge"
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        self._start("munged", *(f"--{name}={munge / file}" for name, file in files.items()), "--force", "--foreground")
        self._await((munge / "socket").exists)
        self._start("slurmctld", "-D", "-c")
        for node in NODES:
            self.start_node(node)
        self._await(lambda: self.ask("sinfo", "--noheader", "--format=%D %t").split() == ["2", "idle"])

    def start_node(self, node: str) -> None:
        """Start a node, or start it again."""
        (self.folder / f"spool-{node}").mkdir(exist_ok=True)
        self._start(f"slurmd {node}", "-D", "-N", node, command="slurmd")

    def kill_daemon(self, node: str) -> None:
        """Kill the daemon of a node; its jobs go on."""
        daemon = self._daemons.pop(f"slurmd {node}")
        daemon.kill()
        daemon.wait()

    def kill_node(self, node: str) -> None:
        """Kill a node with all that is at work there, as a power cut does."""
        self.kill_daemon(node)
        self._end(node)

    def ask(self, *command: str) -> str:
        """What one of SLURM's commands prints."""
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False, timeout=60)
        return done.stdout

    def stop(self) -> None:
        """End everything, and remove the folder."""
        for node in NODES:
            self._end(node)
        for daemon in reversed(self._daemons.values()):
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, name: str, *arguments: str, command: str = "") -> None:
        output = (self.folder / f"{name.replace(' ', '-')}.out").open("ab")
        with output:
            self._daemons[name] = subprocess.Popen(
                [command or name, *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def _end(self, node: str) -> None:
        """Kill all at once: none of them can report that another one has gone."""
        processes = list(self._of_node(node))
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)

    def _of_node(self, node: str) -> Iterator[psutil.Process]:
        """What jobs have started there, and SLURM's steps, which hide their environment but write the node's log."""
        log, here = f"{self.folder}/slurmd-{node}.log", (str(self.configuration), node)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                known = process.environ()
                if (known.get("SLURM_CONF"), known.get("SLURMD_NODENAME")) == here or (
                    process.name() == "slurmstepd" and log in {file.path for file in process.open_files()}
                ):
                    yield process

    def _await(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + START_SECONDS
        while not condition():
            ended = [name for name, daemon in self._daemons.items() if daemon.poll() is not None]
            if ended or time.monotonic() > until:
                said = "".join(path.read_text("utf-8", "replace")[-600:] for path in self.folder.glob("*.out"))
                raise RuntimeError(f"{', '.join(ended) or 'SLURM'} does not start: {said}")
            time.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
