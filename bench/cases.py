"""The cases: what is set up, what is measured, and beside what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from integration.installation import COLLECTION, REGIONS
from standins.microsoft import ticks
from standins.microsoft.faults import Latency

from bench import backlog
from bench.figures import Figures, Row, medians
from bench.options import Options
from bench.scene import Scene
from bench.subjects import BY_NAME, SUBJECTS, Records, Subject

HOUR = 3_600 * ticks.PER_SECOND
BACKLOG = 20 * HOUR
"""A backlog's version times: in one window, so that it comes in as few answers as the API lets it."""
QUIET = 100
"""So many records have been collected before a poll with nothing new."""
OF_A_TENANT = 10
"""So many records each of many tenants has."""
LATENCY = 0.2


@dataclass(frozen=True)
class Context:
    """One case.

    Attributes:
        name: on the command line.
        measure: gives its rows, for scenes that stand ready.
        paced: see `scene.stage`.
        asked_for: it runs only where its name is given.
    """

    name: str
    measure: Callable[[Sequence[Scene], Options], Iterator[Row]]
    paced: bool = True
    asked_for: bool = False


def _drain(subject: Subject) -> Context:
    name = f"drain-{subject.name}"

    def measure(scenes: Sequence[Scene], options: Options) -> Iterator[Row]:
        for count in options.drains:
            now = scenes[0].cloud.clock.now()
            records = subject.make(subject.records(count), start=now - BACKLOG, end=now)
            for scene in scenes:
                yield _drained(scene, subject, records, options.runs, name)

    return Context(name, measure, subject.paced)


def _drained(scene: Scene, subject: Subject, records: Records, runs: int, name: str) -> Row:
    count = len(records.raws)
    subject.publish(scene, records)
    subject.add_input(scene, name.replace("-", "_"))
    reading = subject.reading(records.start, count)
    ours, floor = [], []
    # The first one of all is not counted: it compiles, and fills the system's memory of files.
    for number in range(runs + 1):
        scene.forget()
        drained = scene.poll(subject.source.kind, name.replace("-", "_"), subject.events(count))
        plain = scene.floor(reading)
        if number:
            ours.append(drained)
            floor.append(plain)
    subject.withdraw(scene)
    events = subject.events(count)
    title = f"drain of {events:,} ({records.megabytes:.0f} MB): {subject.title}"
    return Row(name, title, scene.version, runs, medians(ours), medians(floor), records=events)


def _quiet(subject: Subject) -> Context:
    name = f"poll-{subject.name}"

    def measure(scenes: Sequence[Scene], options: Options) -> Iterator[Row]:
        now = scenes[0].cloud.clock.now()
        records = subject.make(QUIET, start=now - 24 * HOUR, end=now - HOUR)
        for scene in scenes:
            subject.publish(scene, records)
            subject.add_input(scene, name.replace("-", "_"))
            scene.forget()
            scene.poll(subject.source.kind, name.replace("-", "_"), subject.events(QUIET))
            yield _polled(scene, subject, name, options.runs, f"poll with nothing new: {subject.title}")
            subject.withdraw(scene)

    return Context(name, measure)


def _polled(scene: Scene, subject: Subject, name: str, runs: int, title: str) -> Row:
    """Poll what has been polled: nothing is new."""
    reading = subject.reading(scene.cloud.clock.now() - HOUR // 60, 1)
    ours, floor, yardstick = [], [], []
    for number in range(runs + 1):
        polled = scene.poll(subject.source.kind, name.replace("-", "_"), 0)
        plain, imported = scene.floor(reading), scene.yardstick()
        if number:
            ours.append(polled)
            floor.append(plain)
            yardstick.append(imported)
    return Row(name, title, scene.version, runs, medians(ours), medians(floor), medians(yardstick))


def _regions(scenes: Sequence[Scene], options: Options) -> Iterator[Row]:
    """Three regions of the SIEM API, each of which answers late: together, and each alone."""
    siem = BY_NAME["siem"]
    inputs = {"all": ",".join(REGIONS), **{region: region for region in REGIONS}}
    for scene in scenes:
        now = scene.cloud.clock.now()
        alerts = siem.make(options.region, start=now - 24 * HOUR, end=now - HOUR).raws
        for region in REGIONS:
            scene.cloud.siem(region).add_all(scene.installation.tenant, alerts)
            scene.cloud.faults.add(scene.cloud.siem(region).host, Latency(LATENCY), times=None)
        for name, regions in inputs.items():
            siem.add_input(scene, f"regions_{name}", regions=regions)
        drains: dict[str, list[Figures]] = {name: [] for name in inputs}
        polls: dict[str, list[Figures]] = {name: [] for name in inputs}
        for number in range(options.runs + 1):
            scene.forget()
            for several, expected in ((drains, len(alerts)), (polls, 0)):
                for name, regions in inputs.items():
                    count = expected * len(regions.split(","))
                    taken = scene.poll(siem.source.kind, f"regions_{name}", count)
                    if number:
                        several[name].append(taken)
        scene.cloud.faults.clear()
        for region in REGIONS:
            scene.cloud.siem(region).remove(scene.installation.tenant)
        for several, what in ((drains, f"drain of {len(alerts):,} each"), (polls, "poll with nothing new")):
            together = medians(several["all"])
            slowest = max(medians(several[region]).wall_seconds for region in REGIONS)
            title = f"three SIEM regions, {LATENCY * 1000:.0f} ms late each: {what}"
            ratios = (("wall / slowest region alone", together.wall_seconds / slowest),)
            yield Row("regions", title, scene.version, options.runs, together, ratios=ratios)


def _in_turn(scenes: Sequence[Scene], options: Options) -> Iterator[Row]:
    """Many inputs of one Splunk in turn, of all kinds, none with anything new."""
    subjects = [BY_NAME[name] for name in ("siem", "endpoint", "graph", "incidents")]
    numbers = range(max(1, options.inputs // len(subjects)))
    for scene in scenes:
        now = scene.cloud.clock.now()
        scene.forget()
        for subject in subjects:
            subject.publish(scene, subject.make(QUIET, start=now - 24 * HOUR, end=now - HOUR))
            names = [f"turn_{subject.name}_{number}" for number in numbers]
            for name in names:
                subject.add_input(scene, name)
            scene.poll(subject.source.kind, names[0], QUIET)
            _as_if_polled(scene, names)
            scene.poll(subject.source.kind, names[0], 0)
        yardstick = medians([scene.yardstick() for _ in range(options.runs)])
        taken = [
            scene.poll(subject.source.kind, f"turn_{subject.name}_{number}", 0)
            for number in numbers
            for subject in subjects
        ]
        for subject in subjects:
            subject.withdraw(scene)
        ratios = (("CPU s of all", sum(each.cpu_seconds for each in taken)),)
        title = f"{len(taken)} inputs of all kinds polled in turn, nothing new: one poll"
        yield Row("turn", title, scene.version, len(taken), medians(taken), None, yardstick, ratios=ratios)


def _as_if_polled(scene: Scene, names: Sequence[str]) -> None:
    """Give each input the places that the first one has."""
    polled, *others = names
    for document in scene.installation.checkpoints():
        for name in others if document["input"] == polled else ():
            key = document["_key"].replace(f":{polled}:", f":{name}:")
            scene.splunkd.kvstore.put(COLLECTION, {**document, "_key": key, "input": name})


def _tenants(scenes: Sequence[Scene], options: Options) -> Iterator[Row]:
    """One account for many tenants: an input of Graph's alerts for each, polled in turn, none with anything new."""
    subject = BY_NAME["graph"]
    source = subject.source
    for scene in scenes:
        now, home = scene.cloud.clock.now(), scene.installation.application
        scene.forget()
        names = [f"tenant_{number}" for number in range(max(1, options.tenants))]
        raws = [source.make(number, now - HOUR - number) for number in range(OF_A_TENANT)]
        for name in names:
            domain = f"{name.replace('_', '-')}.example.com"
            tenant = scene.cloud.entra.find(domain) or scene.cloud.entra.add_tenant(domain=domain)
            tenant.add_application(home.client_id, secret=scene.installation.secret, roles=home.roles)
            source.publish(scene.cloud, tenant, raws)
            subject.add_input(scene, name, tenant_id=tenant.guid)
            scene.poll(source.kind, name, OF_A_TENANT)
        yardstick = medians([scene.yardstick() for _ in range(options.runs)])
        taken = [scene.poll(source.kind, name, 0) for name in names]
        ratios = (("CPU s of all", sum(each.cpu_seconds for each in taken)),)
        title = f"{len(taken)} inputs of as many tenants with one account in turn, nothing new: one poll"
        yield Row("tenants", title, scene.version, len(taken), medians(taken), None, yardstick, ratios=ratios)


def _overlap(scenes: Sequence[Scene], options: Options) -> Iterator[Row]:
    """A document with as many versions in it as a burst leaves in the overlap."""
    subject, name = BY_NAME["endpoint"], "overlap"
    count = options.overlap
    for scene in scenes:
        now = scene.cloud.clock.now()
        records = subject.make(count, start=now - HOUR, end=now)
        subject.publish(scene, records)
        subject.add_input(scene, name, overlap=str(7_200))
        kind, reading = subject.source.kind, subject.reading(records.start, count)
        drains: list[Figures] = []
        floors: list[Figures] = []
        for _ in range(min(options.runs, 3)):
            scene.forget()
            drains.append(scene.poll(kind, name, count))
            floors.append(scene.floor(reading))
        title = f"drain of {count:,}, all in the overlap: endpoint"
        yield Row("overlap", title, scene.version, len(drains), medians(drains), medians(floors), records=count)
        again = [scene.poll(kind, name, 0) for _ in range(min(options.runs, 3))]
        title = f"poll that is shown {count:,} versions of the overlap again"
        yield Row("overlap", title, scene.version, len(again), medians(again), medians(floors), records=count)
        # Microsoft shows none of them any more, so that what is left is the work with the document.
        subject.withdraw(scene)
        polls: list[Figures] = []
        for number in range(options.runs + 1):
            # Not of this second: the server's clock, as a poll knows it, has seconds.
            new = subject.source.make(count + number, scene.cloud.clock.now() - HOUR // 60)
            subject.source.shelf(scene.cloud).put(scene.installation.tenant, new)
            polls.append(scene.poll(kind, name, 1))
        subject.withdraw(scene)
        yardstick = medians([scene.yardstick() for _ in range(options.runs)])
        title = f"poll with one new alert and {count:,} remembered"
        yield Row("overlap", title, scene.version, options.runs, medians(polls[1:]), None, yardstick, records=1)


DRAINS = tuple(_drain(subject) for subject in SUBJECTS)
POLLS = tuple(_quiet(subject) for subject in SUBJECTS)
CASES = (
    *POLLS,
    *DRAINS,
    Context("regions", _regions),
    Context("turn", _in_turn),
    Context("tenants", _tenants),
    Context("overlap", _overlap),
    Context("million", backlog.measure, asked_for=True),
)
