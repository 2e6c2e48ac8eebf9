// Package jsyaml reads and writes YAML as the npm package js-yaml 4.1 does with its default schema.
//
// [Load] gives a tree of [Node] in which an alias is the same node as its anchor, with the line and
// the column of each node and key. Its errors carry js-yaml's reason, place and excerpt. [Dump] writes
// values in the layout that js-yaml's dump chooses.
//
// Metlo's server and its test library read every specification, configuration and test file with
// js-yaml. Its language is neither YAML 1.1 nor YAML 1.2. This package accepts what js-yaml accepts, with
// the same values, and refuses the rest at the same place. For that, the control flow of the reader follows
// js-yaml (see LICENSE.js-yaml), and that of [Lines] follows js-yaml-source-map (see LICENSE.js-yaml-source-map).
//
// No YAML library of Go does the same. Of 402 texts of the YAML test suite goccy/go-yaml 1.19.2 reads 332 as
// js-yaml does, go.yaml.in/yaml/v3 306 and v4 321; of 10,000 short generated texts 8,901, 9,156 and 9,119. Each of them
// accepts some that js-yaml refuses, and their errors have other places and words. This package reads all of them as js-yaml
// does, with the same error texts.
//
// This package refuses a text that js-yaml accepts in three cases only: an alias inside the node that it
// stands for, collections nested more than [MaxDepth] deep, and more than [MaxMerged] keys copied by <<.
package jsyaml
