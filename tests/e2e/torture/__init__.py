"""Real processes under faults, with a recorded history that is checked afterwards.

| file | what |
|---|---|
| run | the test: cluster, faults and clients, healing, checks |
| machines | the nodes, each in a network namespace of its own, and what can be done to them |
| wire | the cable between the nodes: a process that forwards, delays, loses their packets |
| faults | the plan that a seed gives, and its execution |
| workload | clients that write, read, and record |
| history | one record per operation; its file; what must hold of all records |
| linearizability | the search for a sequential order; knows nothing of IPAM |
| model | the sequential model of one network, and a history as the calls of that model |
| check | a whole history checked; also a command for a file of it |
| final_checks | after the healing: equal nodes, nothing lost, nothing twice |
| test_checker | the checker checked: canaries that it must find, and brute force |
"""
