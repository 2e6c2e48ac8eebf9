package metlo_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func ExampleDataClassesService_List() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	classes, err := server.Client().DataClasses.List(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, class := range classes {
		if class.Severity == metlo.RiskHigh {
			fmt.Println(class.ClassName)
		}
	}
	// Output:
	// Credit Card Number
	// Social Security Number
	// Aadhar Number
	// Brazil CPF
}

func TestDataClassesList(t *testing.T) {
	assertRecordedCalls(t, "data_classes", map[string]recordedCall{
		"List": {
			call: func(t *testing.T, c *metlo.Client) error {
				classes, err := c.DataClasses.List(t.Context())
				if assert.NoError(t, err) && assert.Len(t, classes, 12) {
					assert.Equal(t, metlo.DataClass{ClassName: "Email", Severity: metlo.RiskMedium}, classes[0])
					assert.Equal(t, metlo.DataClass{ClassName: "Credit Card Number", Severity: metlo.RiskHigh, ShortName: "CCN"}, classes[1])
				}
				return err
			},
			sent: "GET /api/v1/data-class", recording: "list",
		},
	})
}

func TestDataClassesListReadsEveryForm(t *testing.T) {
	const class = `{"className":"Employee ID","severity":"LOW","shortName":null,"regex":"E[0-9]+"}`
	want := metlo.DataClass{ClassName: "Employee ID", Severity: metlo.RiskLow, Regex: "E[0-9]+"}
	for name, row := range map[string]struct {
		body string
		want []metlo.DataClass
	}{
		"an array":    {"[" + class + "]", []metlo.DataClass{want}},
		"an envelope": {`{"ok":true,"data":[` + class + `]}`, []metlo.DataClass{want}},
		"none":        {"[]", []metlo.DataClass{}},
		"null":        {"null", []metlo.DataClass{}},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := scriptedClient(t, always(http.StatusOK, row.body))
			classes, err := client.DataClasses.List(t.Context())
			require.NoError(t, err)
			assert.Equal(t, row.want, classes)
		})
	}
}

func TestDataClassesMeetFaults(t *testing.T) {
	assertFaults(t, map[string]func(context.Context, *metlo.Client) error{
		"List": func(ctx context.Context, c *metlo.Client) error { _, err := c.DataClasses.List(ctx); return err },
	})
}

func TestDataClassesRefuse(t *testing.T) {
	var noContext context.Context
	assertRefusals(t, map[string]refusal{
		"no context": {func(_ context.Context, c *metlo.Client) error { _, err := c.DataClasses.List(noContext); return err }, "context is nil"},
	})
}
