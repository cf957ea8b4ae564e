"""What build.sh calls. It runs on the system's Python 3.11 and imports nothing but the standard library.

`__main__` has the subcommands; `steps` runs and reports one step; `venvs`, `debian` and `splunk_pythons`
set up .toolchain/, `cim_models` fetches Splunk's definitions of CIM, `browser` sets up a browser; `package`
builds output/ and dist/, which `tree` checks;
`inspection` runs AppInspect; `checks` is the test command with its summary.
"""
