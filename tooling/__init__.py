"""What build.sh calls. It runs on the system's Python 3.11 and imports nothing but the standard library.

`sbom` alone is run by the development environment's Python.
`__main__` has the subcommands; `steps` runs and reports one step; `venvs`, `debian` and `splunk_pythons`
set up .toolchain/, `cim_models` fetches Splunk's definitions of CIM, `browser` sets up a browser; `package`
builds output/ and dist/, which `tree` checks, `third_party` names what is in them of others, and `reproducible` makes
two builds of a commit the same; `inspection` runs AppInspect; `publishing` puts beside the tarball what users verify it
by, such as the list by `sbom`; `checks` is the test command with its summary.
"""
