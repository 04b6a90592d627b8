"""A run is one pass over a site. ``passes`` is the order of its parts; nothing here knows a target.

passes    the order                      plan         from a snapshot to a plan and its digest
parts     what each part does            commitments  the plan bound to its policy and its secrets
phases    what each part makes           preview      the plan without a case, for ``retrust plan``
steps     one step: observe, act, observe again       preflight  what a run needs of this machine
endings   how a pass ends                milestones   what goes on within a step
reaching  a connection that only reads
"""
