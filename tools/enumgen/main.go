// Command enumgen writes the enumerations of package metlo from the table in table.go: types, constants and methods.
package main

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"go/format"
	"log"
	"os"
	"slices"
	"strings"
	"text/template"
)

// enum describes an enumeration: a string type with the values that the server knows.
type enum struct {
	Name, Doc string
	ValuesDoc string
	Table     string // Table is the name of the variable that holds the values.
	Receiver  string
	Words     string // Words is the name of a value in errors.
	Values    []value
}

type value struct {
	Name, Wire string
	Comment    string
	Documented []string // Documented lists other names that Metlo's documentation uses, in upper case.
}

// Plural returns the name of the function that returns the values.
func (e enum) Plural() string {
	if strings.HasSuffix(e.Name, "s") {
		return e.Name + "es"
	}
	return e.Name + "s"
}

// Aliased reports whether a value also has a documented name.
func (e enum) Aliased() bool {
	return slices.ContainsFunc(e.Values, func(v value) bool { return len(v.Documented) > 0 })
}

//go:embed enums.tmpl
var source string

func main() {
	out := flag.String("o", "", "`file` to write; standard output by default")
	flag.Parse()
	code, err := generate(enums())
	if err != nil {
		log.Fatal("enumgen: ", err)
	}
	if *out == "" {
		_, err = os.Stdout.Write(code)
	} else {
		err = os.WriteFile(*out, code, 0o644)
	}
	if err != nil {
		log.Fatal("enumgen: ", err)
	}
}

// generate returns the generated file. It first checks that each name identifies one value of its type.
func generate(enums []enum) ([]byte, error) {
	constants := map[string]bool{}
	for _, e := range enums {
		names := map[string]bool{}
		for _, v := range e.Values {
			for _, name := range append([]string{strings.ToUpper(v.Wire)}, v.Documented...) {
				if names[name] {
					return nil, fmt.Errorf("%s: %s stands for two values", e.Name, name)
				}
				names[name] = true
			}
			if constants[v.Name] {
				return nil, fmt.Errorf("%s: the constant %s exists", e.Name, v.Name)
			}
			constants[v.Name] = true
		}
	}
	var code bytes.Buffer
	if err := template.Must(template.New("enums").Parse(source)).Execute(&code, enums); err != nil {
		return nil, err
	}
	return format.Source(code.Bytes())
}
