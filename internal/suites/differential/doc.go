// Package differential sends generated requests to the fake server and checks what must hold for any: no panic, no
// answer with status 500 that no rule explains, the same answer to the same read, and a state that hangs together.
// With -change-instance the same requests go to the instance of METLO_HOST and METLO_COLLECTOR_HOST too, which loses what
// it has, and what differs is printed in groups.
package differential
