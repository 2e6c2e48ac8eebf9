package backend

import (
	"net/http"
	"slices"
	"strings"
)

func uploadGraphQLSchema(c *call) Response {
	e := c.byID[strings.ToLower(c.params["id"])]
	switch {
	case e == nil:
		return Text(http.StatusNotFound, "Endpoint does not exist")
	case !e.isGraphQL:
		return Text(http.StatusBadRequest, "Cannot upload GraphQl schema for non Graphql endpoint")
	case c.file == nil:
		return Text(http.StatusInternalServerError, "Cannot read properties of undefined (reading 'buffer')")
	}
	schema := string(c.file.data)
	if problem := graphQLProblem(schema); problem != "" {
		return Text(http.StatusInternalServerError, "Syntax Error: "+problem)
	}
	c.graphQL[e.host+e.path] = schema
	return sendStatus()
}

func deleteGraphQLSchema(c *call) Response {
	e := c.byID[strings.ToLower(c.params["id"])]
	switch {
	case e == nil:
		return Text(http.StatusNotFound, "Endpoint does not exist")
	case !e.isGraphQL:
		return Text(http.StatusBadRequest, "Cannot delete GraphQl schema for non Graphql endpoint")
	}
	delete(c.graphQL, e.host+e.path)
	return sendStatus()
}

// graphQLProblem finds coarse faults of a GraphQL document: characters and words that cannot start
// a definition, and brackets that do not pair.
func graphQLProblem(doc string) string {
	tokens := graphQLTokens(doc)
	if len(tokens) == 0 {
		return "Unexpected <EOF>."
	}
	keywords := []string{
		"schema", "scalar", "type", "interface", "union", "enum", "input", "directive", "extend",
		"query", "mutation", "subscription", "fragment", "{",
	}
	first := tokens[0]
	if !strings.HasPrefix(first, `"`) && !slices.Contains(keywords, first) {
		return "Unexpected " + graphQLName(first) + "."
	}
	closers := map[string]string{"{": "}", "(": ")", "[": "]"}
	var open []string
	for _, token := range tokens {
		if closer, isOpener := closers[token]; isOpener {
			open = append(open, closer)
			continue
		}
		if !slices.Contains([]string{"}", ")", "]"}, token) {
			continue
		}
		if len(open) == 0 {
			return "Unexpected " + graphQLName(token) + "."
		}
		if want := open[len(open)-1]; want != token {
			return `Expected "` + want + `", found ` + graphQLName(token) + "."
		}
		open = open[:len(open)-1]
	}
	if len(open) > 0 {
		return "Expected Name, found <EOF>."
	}
	return ""
}

func graphQLName(token string) string {
	if isWordByte(token[0]) {
		return `Name "` + token + `"`
	}
	return `"` + token + `"`
}

func isWordByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// graphQLTokens splits a document into words, strings and punctuation.
func graphQLTokens(doc string) []string {
	var tokens []string
	for i := 0; i < len(doc); {
		b, from := doc[i], i
		switch {
		case b == ' ' || b == '\t' || b == '\n' || b == '\r' || b == ',':
			i++
			continue
		case b == '#':
			for i < len(doc) && doc[i] != '\n' {
				i++
			}
			continue
		case b == '"':
			i = graphQLStringEnd(doc, i)
		case isWordByte(b):
			for i < len(doc) && isWordByte(doc[i]) {
				i++
			}
		default:
			i++
		}
		tokens = append(tokens, doc[from:i])
	}
	return tokens
}

func graphQLStringEnd(doc string, from int) int {
	quote := `"`
	if strings.HasPrefix(doc[from:], `"""`) {
		quote = `"""`
	}
	for i := from + len(quote); i < len(doc); i++ {
		if doc[i] == '\\' {
			i++
		} else if strings.HasPrefix(doc[i:], quote) {
			return i + len(quote)
		}
	}
	return len(doc)
}
