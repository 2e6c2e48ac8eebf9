// Package testingconfig parses, validates and formats Metlo's testing configurations. Their language defines who may do what
// in the statements host, actor, resource and has_permission, and # comments.
//
// [Parse] returns the statements of a text, or a *[SyntaxError] with line and column. [Validate] returns the issues for
// which Metlo's server would reject them, each with line and column. [NewConfig] returns the content of statements
// without issues, and [Format] writes statements in the standard layout. [ParseExact] accepts exactly the same texts as
// the server.
//
// Lines and columns count from 1. A column is a UTF-16 unit, as on the server and in editors.
package testingconfig
