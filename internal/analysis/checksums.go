package analysis

func digitsOf(s string) []int {
	var digits []int
	for _, r := range s {
		if r >= '0' && r <= '9' {
			digits = append(digits, int(r-'0'))
		}
	}
	return digits
}

// validAadhar reports whether the last digit of an Aadhar number is its Verhoeff checksum.
func validAadhar(s string) bool {
	digits := digitsOf(s)
	if len(digits) != 12 {
		return false
	}
	// The product of the dihedral group of order 10, and the permutation by position.
	multiply := func(a, b int) int {
		switch {
		case a < 5 && b < 5:
			return (a + b) % 5
		case a < 5:
			return (a+b)%5 + 5
		case b < 5:
			return (a-b)%5 + 5
		}
		return (a - b + 5) % 5
	}
	permutation := [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	check := 0
	for i := range digits {
		d := digits[len(digits)-1-i]
		for range i % 8 {
			d = permutation[d]
		}
		check = multiply(check, d)
	}
	return check == 0
}

// validCPF reports whether the last two digits of a CPF number are its checksums.
func validCPF(s string) bool {
	digits := digitsOf(s)
	if len(digits) != 11 {
		return false
	}
	for n := 9; n < 11; n++ {
		sum := 0
		for i, d := range digits[:n] {
			sum += d * (n + 1 - i)
		}
		check := 0
		if rest := sum % 11; rest >= 2 {
			check = 11 - rest
		}
		if digits[n] != check {
			return false
		}
	}
	return true
}
