package rangeerr_test

import (
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/metlo-go/metlo/tools/rangeerr"
)

func TestAnalyzer(t *testing.T) { analysistest.Run(t, analysistest.TestData(), rangeerr.Analyzer, "a") }
