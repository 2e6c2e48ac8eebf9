// Package differential sends generated requests to the fake server and checks invariants. There is no panic, no
// unexplained status 500, the same answer to the same read, and a consistent state. With -change-instance it also sends
// them to the instance of METLO_HOST and METLO_COLLECTOR_HOST, which loses its data, and prints the differences in
// groups.
package differential
