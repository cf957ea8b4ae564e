"""Developer tooling that asks what only a real Splunk or a real tenant can answer: `./build.sh accept`.

`--splunk` lets a Splunk run the add-on against a stand-in Microsoft cloud on this machine; `--tenant` asks a real
tenant. Each question is a row of a table (:class:`~acceptance.checks.Check`), and both give the same report
(:mod:`acceptance.report`).
Nothing of this is in the tarball.
"""
