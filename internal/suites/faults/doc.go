// Package faults has every failure of the fault server meet every kind of call. TestFaultMatrix prints "N faults × M
// calls: all bounded, 0 leaks, 0 double writes".
package faults
