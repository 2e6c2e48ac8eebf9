package jsyaml

// UTF16Len returns the length of s in UTF-16 units, in which JavaScript counts.
func UTF16Len(s string) int {
	n := 0
	for _, r := range s {
		n += utf16Units(r)
	}
	return n
}

func utf16Units(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}
