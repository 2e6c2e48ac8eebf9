package backend

import (
	"net/http"
	"slices"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/pg"
)

const keyLimit = 100

func keyRoutes() []route {
	return []route{
		{method: "GET", pattern: "/keys/list", handle: listKeys},
		{method: "GET", pattern: "/keys/onboarding", handle: onboardingKeys},
		{method: "POST", pattern: "/keys/create", handle: createKey},
		{method: "DELETE", pattern: "/keys/:name/delete", handle: deleteKey},
	}
}

type keyItem struct {
	Name       string `json:"name"`
	Identifier string `json:"identifier"`
	Created    stamp  `json:"created"`
	For        string `json:"for"`
}

func (k *apiKey) item() keyItem {
	return keyItem{k.name, k.key[:len("metlo.")+4], stamp{k.created}, k.keyFor}
}

func listKeys(c *call) Response { return Ok(convert(c.keys, (*apiKey).item)) }

func onboardingKeys(c *call) Response {
	items := []keyItem{}
	for _, k := range slices.Backward(c.keys) {
		if k.keyFor == "ONBOARDING" {
			items = append(items, k.item())
		}
	}
	return Ok(items)
}

func createKey(c *call) Response {
	fail := func(message string) Response { return Text(http.StatusBadRequest, message) }
	if len(c.keys) >= keyLimit {
		return fail("Maximum API Key Limit Reached: 100. Consider deleting any that are not in use.")
	}
	name, kind := c.object().Get("name"), c.object().Get("keyFor")
	if pg.HasNul(name) {
		// The real server dies of it.
		return databaseError(pg.NulByte)
	}
	// The mapper ignores a condition with a missing name, so that any key matches.
	absent := js.IsUndefined(name) || name == nil
	if slices.ContainsFunc(c.keys, func(k *apiKey) bool { return absent || k.name == pg.Text(name) }) {
		return fail("Can not create key with name " + js.String(name))
	}
	if !js.Truthy(name) {
		return fail("Key name is required.")
	}
	keyFor := "GENERIC"
	if js.Truthy(kind) {
		keyFor = js.String(kind)
		if !slices.Contains([]string{"GCP", "AWS", "GENERIC", "ONBOARDING"}, keyFor) {
			return fail("The key must be for one of the following: GCP, AWS, GENERIC, ONBOARDING")
		}
	}
	k := &apiKey{key: newKey(), name: pg.Text(name), keyFor: keyFor, created: c.tick()}
	c.keys = append(c.keys, k)
	item := k.item()
	return Ok(js.New("apiKey", k.key, "name", name, "identifier", item.Identifier, "created", item.Created, "for", k.keyFor))
}

func deleteKey(c *call) Response {
	name, before := c.params["name"], len(c.keys)
	if pg.HasNul(name) {
		return databaseError(pg.NulByte)
	}
	c.keys = slices.DeleteFunc(c.keys, func(k *apiKey) bool { return k.name == name })
	if len(c.keys) == before {
		return Text(http.StatusNotFound, "Did not find any matching keys for "+name)
	}
	return Ok(js.New("status", "OK"))
}
