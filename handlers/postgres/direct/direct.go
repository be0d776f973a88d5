package direct

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/outbound"
)

const (
	connectWait = 5 * time.Second
	closeWait   = time.Second
	idleWait    = 30 * time.Second
	poolerPort  = 6543
	// ApplicationName is how Backout's sessions are told from others.
	ApplicationName = "backout"
)

// The faults of an address; neither holds it.
var (
	ErrURL    = errors.New("url is not the address of a PostgreSQL database; write postgresql://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full")
	ErrPooler = errors.New("url leads to a transaction pooler, where a lock of the session holds nothing; write the direct connection, on port 5432")
)

// Address is where a database is and as whom it is spoken to. It is safe for
// concurrent use; printing it shows no password.
type Address struct {
	config *pgx.ConnConfig
	// Schema is the one of Prisma's parameter of that name, public when it has none.
	Schema           string
	sslmode, sslroot string
}

// Parse reads an address as Prisma takes it. The dialer refuses private networks that
// allowPrivate does not list, see outbound.Options. Its errors never hold the address.
func Parse(text string, allowPrivate []string) (*Address, error) {
	clean, schema, err := plain(text)
	if err != nil {
		return nil, err
	}
	cfg, err := pgx.ParseConfig(clean)
	if err != nil {
		return nil, ErrURL
	}
	if cfg.Port == poolerPort {
		return nil, ErrPooler
	}
	if cfg.DialFunc, err = outbound.Dialer(allowPrivate); err != nil {
		return nil, err
	}
	cfg.RuntimeParams["application_name"] = ApplicationName
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.ConnectTimeout = connectWait
	a := &Address{config: cfg, Schema: schema, sslmode: "prefer"}
	if u, err := url.Parse(clean); err == nil {
		a.sslroot = u.Query().Get("sslrootcert")
		a.sslmode = or(u.Query().Get("sslmode"), a.sslmode)
	}
	return a, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// plain splits Prisma's own parameters from an address: PostgreSQL refuses a connection
// with one it does not know.
func plain(text string) (clean, schema string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return "", "", ErrURL
	}
	given := u.Query()
	if given.Get("pgbouncer") == "true" {
		return "", "", ErrPooler
	}
	if schema = given.Get("schema"); schema == "" {
		schema = "public"
	}
	for name := range given {
		if !slices.Contains([]string{"sslmode", "sslrootcert", "connect_timeout", "host", "port", "options", "target_session_attrs"}, name) {
			given.Del(name)
		}
	}
	u.RawQuery = given.Encode()
	return u.String(), schema, nil
}

// Config is a copy of how to connect.
func (a *Address) Config() *pgx.ConnConfig { return a.config.Copy() }

// Database is the name of the database.
func (a *Address) Database() string { return a.config.Database }

// User is the role that is spoken as.
func (a *Address) User() string { return a.config.User }

// String names the database and where it is.
func (a *Address) String() string {
	return a.config.Database + " at " + a.config.Host + ":" + strconv.Itoa(int(a.config.Port))
}

// GoString is String, so that no format prints a password.
func (a *Address) GoString() string { return a.String() }

// On is the same server and role with another database.
func (a *Address) On(database string) *Address {
	other := *a
	other.config = a.config.Copy()
	other.config.Database = database
	return &other
}

// Limits bound what a session does. 0 leaves the statement without a limit of its own;
// a wait for a lock always has one.
type Limits struct {
	Statement, Lock time.Duration
	ReadOnly        bool
}

// lockDefault is short: a statement that waits for a lock makes others wait behind it.
const lockDefault = 2 * time.Second

// Open connects, with the limits set on the server's side. The caller closes it by
// Close.
func (a *Address) Open(ctx context.Context, l Limits) (*pgx.Conn, error) {
	cfg := a.Config()
	if l.Lock <= 0 {
		l.Lock = lockDefault
	}
	set := map[string]string{
		"statement_timeout":                   millis(l.Statement),
		"lock_timeout":                        millis(l.Lock),
		"idle_in_transaction_session_timeout": millis(idleWait),
		"default_transaction_read_only":       onOff(l.ReadOnly),
	}
	ctx, cancel := context.WithTimeout(ctx, 2*connectWait)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", a, err)
	}
	for name, value := range set {
		if _, err := conn.Exec(ctx, "select set_config($1, $2, false)", name, value); err != nil {
			Close(ctx, conn)
			return nil, fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return conn, nil
}

// Close ends a connection within a second, whatever became of ctx.
func Close(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
	defer cancel()
	_ = conn.Close(ctx) // What it did is committed or gone by now.
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
