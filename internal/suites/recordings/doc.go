// Package recordings compares the SDK with every recorded exchange of a real server, the samples of live traffic and
// the documented forms. TestRecordings prints "N sent, N refused, N raw of M".
package recordings
