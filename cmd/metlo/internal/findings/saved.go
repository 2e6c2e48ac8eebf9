package findings

// Report returns the report that the check wrote.
func (r *SavedReport) Report() *Report {
	report := &Report{
		Title: r.Check, Version: r.Command, Instance: r.Instance, Time: r.Time, Why: r.Reason, Notes: r.Notes, Summary: r.Summary,
		Outcome: map[string]Outcome{jsonUnknown: Unknown, jsonClean: Clean, jsonFound: Found}[r.Outcome], Findings: &List{},
	}
	for i := range r.Findings {
		item := &r.Findings[i]
		f := Finding{
			ID: item.ID, Rule: item.Rule, Title: item.Title, Severity: Severity(item.Severity), Method: item.Method, Host: item.Host,
			Path: item.Path, Field: item.Field, Message: item.Message, File: item.File, Line: item.Line,
		}
		if item.Created != nil {
			f.Created = *item.Created
		}
		report.Findings.Add(&f)
	}
	report.Findings.Sort()
	return report
}
