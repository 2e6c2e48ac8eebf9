package backend

import (
	"net/http"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/graphql"
	"github.com/metlo-go/metlo/metlotest/internal/pg"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

func uploadGraphQLSchema(c *call) Response {
	switch {
	case !zod.IsUUID(c.params["id"]):
		return noEndpoint()
	case c.file == nil:
		return databaseError("Cannot read properties of undefined (reading 'buffer')")
	}
	e := c.byID[strings.ToLower(c.params["id"])]
	switch {
	case e == nil:
		return Text(http.StatusNotFound, "Endpoint does not exist")
	case !e.isGraphQL:
		return Text(http.StatusBadRequest, "Cannot upload GraphQl schema for non Graphql endpoint")
	}
	schema := string(c.file.data)
	if problem := graphql.Problem(schema); problem != "" {
		return databaseError(problem)
	}
	if pg.HasNul(schema) {
		return databaseError(pg.NulByte)
	}
	c.graphQL[e.host+e.path] = schema
	return sendStatus()
}

func deleteGraphQLSchema(c *call) Response {
	if !zod.IsUUID(c.params["id"]) {
		return noEndpoint()
	}
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
