package backend

import (
	"net/http"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/pg"
)

// databaseError returns the response for a failed statement, whose text reaches the client unchanged.
func databaseError(message string) Response { return Text(http.StatusInternalServerError, message) }

// queryFailed returns the response for a failed statement that a service wrapped in another error.
func queryFailed(message string) Response { return databaseError("QueryFailedError: " + message) }

// hasNul reports whether a parameter for the database contains a NUL.
func (c *call) hasNul(params *js.Object, names ...string) bool {
	for _, name := range names {
		if pg.HasNul(params.Get(name)) {
			return true
		}
	}
	return false
}

// rowID parses the id of a path like the database; bad is its error.
func (c *call) rowID() (id, bad string) {
	id, valid := pg.ParseUUID(c.params["id"])
	switch {
	case pg.HasNul(c.params["id"]):
		return "", pg.NulByte
	case !valid:
		return "", pg.BadUUID(c.params["id"])
	}
	return id, ""
}

// badWindow returns the database's error for a LIMIT or an OFFSET.
func badWindow(limit, offset int) string {
	switch {
	case limit < 0 && limit != pg.NoLimit:
		return "LIMIT must not be negative"
	case offset < 0:
		return "OFFSET must not be negative"
	}
	return ""
}
