package configs

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// hidden is all that a Secret ever shows of itself.
const hidden = "[secret]"

// maxSecret bounds a secret's file; a credential is far smaller.
const maxSecret = 64 << 10

// Secret is a reference to a secret, env:NAME or file:/path, and after Resolve
// its value. However it is printed, logged or encoded, it shows [secret].
type Secret struct {
	ref string
	// value is behind a function so that no formatter can print it by reflection.
	value func() string
}

// IsSet reports whether the file names this secret.
func (s Secret) IsSet() bool { return s.ref != "" }

// Ref is the reference as the file has it, safe to show; empty when not set.
func (s Secret) Ref() string { return s.ref }

// Reveal is the secret itself, empty before Resolve. Hand it to a constructor and
// nowhere else.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return s.value()
}

// String hides the secret.
func (s Secret) String() string { return hidden }

// GoString hides the secret.
func (s Secret) GoString() string { return hidden }

// MarshalJSON hides the secret.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText hides the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// setText takes the reference. A literal is refused and not repeated in the error.
func (s *Secret) setText(text string) (string, error) {
	name, isEnv := strings.CutPrefix(text, "env:")
	path, isFile := strings.CutPrefix(text, "file:")
	switch {
	case isEnv && regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name):
	case isFile && filepath.IsAbs(path):
	case isEnv:
		return "write env: and the name of a variable, such as env:VERCEL_TOKEN", errors.New("after env: this is not a variable's name")
	case isFile:
		return "write file: and a path that begins with /, such as file:/run/secrets/token", errors.New("after file: this is not an absolute path")
	default:
		return "write env:NAME or file:/path here, and take a literal secret out of the file and rotate it", errors.New("a secret stands elsewhere, never in this file")
	}
	s.ref = text
	return "", nil
}

// ReadSecret reads what a reference (env:NAME or file:/path) stands for, for a command
// that has no configuration yet. The error says what to write instead and repeats
// neither the secret nor a literal that was given in place of a reference.
func ReadSecret(ref string, env func(string) (string, bool)) (string, error) {
	var s Secret
	if fix, err := s.setText(ref); err != nil {
		return "", fmt.Errorf("%w; %s", err, fix)
	}
	from := source{env: env}
	value, fix, err := from.readSecret(ref)
	if err != nil {
		return "", fmt.Errorf("%w; %s", err, fix)
	}
	return value, nil
}

// Resolve reads every secret the configuration names. The error is a Problems
// with each one that is missing or empty, named by its variable or file.
func (c *Config) Resolve() error {
	var problems Problems
	for path, secret := range c.secrets() {
		value, fix, err := c.source.readSecret(secret.ref)
		if err != nil {
			problems = append(problems, c.source.problem(path, path+": "+err.Error(), fix))
			continue
		}
		secret.value = func() string { return value }
		c.warnOfReaders(path, secret.ref)
	}
	c.source.sort(c.Warnings)
	c.Warnings = slices.Compact(c.Warnings)
	if len(problems) == 0 {
		return nil
	}
	c.source.sort(problems)
	return problems
}

// Secrets lists the values that Resolve has read, for a redactor: text that goes
// out must hold none of them.
func (c *Config) Secrets() []string {
	var values []string
	for _, secret := range c.secrets() {
		if value := secret.Reveal(); value != "" {
			values = append(values, value)
		}
	}
	return values
}

// readSecret gives the value, or the fix and what is wrong.
func (s *source) readSecret(ref string) (value, fix string, err error) {
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		value, found := s.env(name)
		if !found || value == "" {
			return "", "set it, or name another one here", fmt.Errorf("the environment variable %s is not set", name)
		}
		return value, "", nil
	}
	path := strings.TrimPrefix(ref, "file:")
	value, err = readSecretFile(path)
	if err != nil {
		return "", "put the secret into a file that Backout's user can read, or name another one here", err
	}
	return value, "", nil
}

func readSecretFile(path string) (string, error) {
	data, err := readFile(path, maxSecret)
	if err != nil {
		return "", fmt.Errorf("the secret's file cannot be read: %w", err)
	}
	value := strings.TrimRight(string(data), "\r\n")
	if value == "" {
		return "", fmt.Errorf("the secret's file %s is empty", path)
	}
	return value, nil
}

// secrets finds every Secret that is set, by its path in the file.
func (c *Config) secrets() map[string]*Secret {
	found := map[string]*Secret{}
	collectSecrets(reflect.ValueOf(c).Elem(), "", found)
	return found
}

// collectSecrets goes through structs, pointers and lists; in a keyed list the path has
// the key.
func collectSecrets(v reflect.Value, path string, found map[string]*Secret) {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() == reflect.Slice {
		collectListed(v, path, found)
		return
	}
	if v.Kind() != reflect.Struct || !v.CanAddr() || !v.Addr().CanInterface() {
		return
	}
	if secret, ok := reflect.TypeAssert[*Secret](v.Addr()); ok {
		if secret.IsSet() {
			found[path] = secret
		}
		return
	}
	for field, value := range v.Fields() {
		if key := fieldKey(field); key != "" {
			collectSecrets(value, join(path, key), found)
		}
	}
}

func collectListed(v reflect.Value, path string, found map[string]*Secret) {
	key := keyField(v.Type().Elem())
	for i := range v.Len() {
		here := index(path, i)
		if key != "" {
			here = join(path, v.Index(i).FieldByName(key).String())
		}
		collectSecrets(v.Index(i), here, found)
	}
}
