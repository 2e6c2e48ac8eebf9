// Package fuzz feeds arbitrary bytes to every call, as a body or as a whole response.
package fuzz
