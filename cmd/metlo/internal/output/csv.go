package output

import (
	"io"
	"iter"

	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

func writeCSV[T any](w io.Writer, items iter.Seq2[T, error], columns []Column[T]) error {
	record := make([]string, len(columns))
	for i, c := range columns {
		record[i] = c.Name
	}
	if _, err := io.WriteString(w, safetext.CSV(record...)); err != nil {
		return err
	}
	for item, err := range items {
		if err != nil {
			return err
		}
		for i, c := range columns {
			record[i] = c.Value(&item)
		}
		if _, err := io.WriteString(w, safetext.CSV(record...)); err != nil {
			return err
		}
	}
	return nil
}
