// Package recordings holds the SDK against every exchange that was recorded with a real server, the samples of live
// traffic and the forms that only the documentation shows. TestRecordings prints "N sent, N refused, N raw of M".
package recordings
