package direct

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// Said puts an error into words without a row's data or a credential.
func Said(err error) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err.Error()
	}
	switch pg.Code {
	case "57014":
		return "it was cut off: it took longer than its timeout"
	case "55P03":
		return "it was cut off: it waited for a lock"
	case "25006":
		return "it would write; only reading is allowed (" + pg.Message + ")"
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "28", "42", "3D", "53":
		return pg.Message + " (SQLSTATE " + pg.Code + ")"
	}
	return "the database refused it (SQLSTATE " + pg.Code + ")"
}

// Code is the SQLSTATE of an error, "" when the server did not say one.
func Code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
