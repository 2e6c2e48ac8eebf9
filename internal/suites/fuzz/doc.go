// Package fuzz has every call read arbitrary bytes as an answer or as a whole response.
package fuzz
