"""The service: from what sources hear to passes that run, in one process or over a work pool.

    intake, supervision              sources: kept running, and what they deliver into the ledger
    tail                             every entry of the ledger, in order, whoever wrote it
    standing                         what the entries say of a site; whether a pass is due. Pure
    assigning                        which site a sighting is about that names none
    dispatch, launching              starting what is due: in this process, or on a work pool
    metrics, jsonlogs, web, emitting what others see of it
    service                          all of it, wired; ``retrust_flows.serve`` is the verb

An event is a hint, the ledger is the truth: everything here may be killed at any time, and what the ledger
holds is enough to go on. Nothing here knows a target, or decides anything that a gate decides.
"""
