// Package testingconfig parses, validates and formats Metlo's testing configurations. Their language defines who may do what
// in the statements host, actor, resource and has_permission, and # comments.
//
// [Parse] returns the statements of a text, or a *[SyntaxError] with line and column. [Validate] returns the issues that
// Metlo's server would refuse, each with line and column. [NewConfig] returns what statements without issues mean, and
// [Format] writes statements in the standard layout. [ParseExact] accepts what the server accepts, and nothing else.
//
// Lines and columns count from 1. A column is a UTF-16 unit, as on the server and in editors.
package testingconfig
