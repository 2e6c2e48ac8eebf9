// Package resourcelang reads, checks and formats the language of testing configurations: the statements
// host, actor, resource and has_permission, and # comments.
//
// [Parse] accepts and refuses what Metlo's server does, with its messages and places. [ParseRelaxed] takes an
// empty text and a line break after a last comment, too. [Check] gives the issues that the server's schema finds,
// and [NewConfig] the typed content of statements without issues. [Format] lays a text out.
//
// Lines and columns count from 1, and a column is a UTF-16 unit, as on the server and in editors.
package resourcelang
