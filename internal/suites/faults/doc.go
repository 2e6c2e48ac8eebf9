// Package faults tries every kind of call against every failure of the fault server. TestFaultMatrix prints "N faults × M
// calls: all bounded, 0 leaks, 0 double writes".
package faults
