package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

type apiFlags struct {
	paginate bool
	fields   []string
	input    string
	id       string
}

func (a *app) apiCommand() *cobra.Command {
	f := &apiFlags{}
	cmd := &cobra.Command{
		Use: "api METHOD PATH", Short: "Send a request to any route of the backend, and print the answer", Args: cobra.ExactArgs(2),
		Long: "Send a request to a route of the backend, below /api/v1, with the key, the limits and the retries of all commands.\n" +
			"--paginate walks a list that the server sends in pages, and prints every item once.",
		Example: "  metlo api GET /summary --jq .hostCount\n  metlo api GET /alerts --paginate --query riskScores[]=high\n" +
			"  metlo api PUT /alert/3fa85f64-5717-4562-b3fc-2c963f66afa6 --input update.json",
	}
	cmd.Flags().StringArrayVar(&f.fields, "query", nil, "`NAME=VALUE` of the query; may be repeated")
	cmd.Flags().StringVar(&f.input, "input", "", "`file` with the JSON body, - for the standard input")
	cmd.Flags().BoolVar(&f.paginate, "paginate", false, "walk all pages of a list")
	cmd.Flags().StringVar(&f.id, "id", "uuid", "`member` that identifies the items of --paginate; by default their content")
	cmd.Flags().StringVar(&a.global.format.JQ, "jq", "", "jq `filter` over the answer")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, args []string) error {
		a.global.format.Format = "json"
		p, err := a.printer()
		if err != nil {
			return err
		}
		return a.callAPI(ctx, client, p, f, strings.ToUpper(args[0]), args[1])
	})
	return cmd
}

func (a *app) callAPI(ctx context.Context, client *metlo.Client, p *output.Printer, f *apiFlags, method, path string) error {
	path = "/" + strings.TrimPrefix(path, "/")
	if rest, found := strings.CutPrefix(path, "/api/v1/"); found || path == "/api/v1" {
		path = "/" + strings.TrimPrefix(rest, "/api/v1")
	}
	if base, _, found := strings.Cut(path, "?"); found {
		return fmt.Errorf("the path %s holds a query: name its parts with --query NAME=VALUE", base)
	}
	query := url.Values{}
	for _, pair := range f.fields {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return errors.New("--query: write NAME=VALUE")
		}
		query.Add(name, value)
	}
	if f.paginate {
		if method != "GET" || f.input != "" {
			return errors.New("--paginate walks a list: use GET, without --input")
		}
		if query.Has("limit") || query.Has("offset") {
			return errors.New("--paginate sets limit and offset: leave them out of --query")
		}
		id := func(item json.RawMessage) string {
			var members map[string]json.RawMessage
			if json.Unmarshal(item, &members) != nil {
				return "" // items without an id are identified by their content
			}
			return string(members[f.id])
		}
		return output.List(p, metlo.ListAll(ctx, client, path, query, id), []output.Column[json.RawMessage]{})
	}
	var in any
	if f.input != "" {
		data, err := a.input(f.input)
		if err != nil {
			return err
		}
		if !json.Valid(data) {
			return fmt.Errorf("%s is not JSON", f.input)
		}
		in = json.RawMessage(data)
	}
	var answer []byte
	if err := client.Call(ctx, method, path, query, in, &answer); err != nil {
		return err
	}
	if !json.Valid(answer) {
		return a.printText(string(answer))
	}
	raw := json.RawMessage(answer)
	return output.Object(p, &raw, nil)
}
