// Package field tests what happens between a client and a server in real networks: dead connections, proxies, wrong
// addresses, and the forms in which headers and bodies occur. Its test prints one line for each kind, with the number of cases and,
// where that is the point, what the server or the proxy saw:
//
//	go test -run Field -v ./internal/suites/field
package field
