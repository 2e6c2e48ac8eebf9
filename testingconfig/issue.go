package testingconfig

import (
	"fmt"
	"strings"
)

// Issue is a problem in the members of a statement, in the form of the server's schema (zod).
type Issue struct {
	// Line and Column are the place, from 1.
	Line, Column int
	// Path locates the problem: the number of the statement from 0, then names (string) and indices (int).
	Path []any
	// Code is invalid_type, invalid_enum_value, unrecognized_keys or invalid_union.
	Code    string
	Message string
	// Expected is the expected type, and Received the actual one; "undefined" if a member is missing.
	Expected, Received string
	// Value is the value that is not one of Options: a string, or a float64.
	Value   any
	Options []string
	// Keys are the unexpected members of the object.
	Keys []string
	// Unions are the issues of each alternative of a value that matches none.
	Unions [][]*Issue
}

// String returns "line:column: path: message", with the elements of the path joined by dots.
func (i *Issue) String() string {
	return fmt.Sprintf("%d:%d: %s: %s", i.Line, i.Column, i.PathText(), i.Message)
}

// PathText returns the elements of the path joined by dots.
func (i *Issue) PathText() string {
	parts := make([]string, len(i.Path))
	for n, e := range i.Path {
		parts[n] = fmt.Sprint(e)
	}
	return strings.Join(parts, ".")
}
