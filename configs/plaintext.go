package configs

import (
	"bytes"
	"unicode/utf8"
)

// plainText is the file as YAML wants it: without the mark that some editors put before
// the first line, and with one sign at the end of a line, since the parser counts two
// twice and every place after a comment would be wrong. What is not UTF-8 is refused: it
// would come out as signs nobody wrote, in a mail to users for example.
func (r *reader) plainText(data []byte) ([]byte, *Problem) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	line, column := 1, 1
	for rest := data; len(rest) > 0; {
		c, size := utf8.DecodeRune(rest)
		switch {
		case c == utf8.RuneError && size == 1, c == 0:
			return nil, &Problem{File: r.file, Line: line, Column: column, Message: "this is not UTF-8 text", Fix: "save the file as UTF-8"}
		case c == '\n':
			line, column = line+1, 0
		}
		column, rest = column+1, rest[size:]
	}
	return data, nil
}
