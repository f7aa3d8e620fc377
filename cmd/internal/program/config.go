// Package program holds what both programs do at their start: read one
// configuration file over the defaults, lay the environment over it, and make
// a log. A flag outweighs the environment, that the file, that the default.
package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

// Load reads the file at path, "" for none, into the configuration that cfg
// points to and that holds the defaults, then the variables of environ that
// begin with prefix: that and the path of a field in capitals, such as
// THONGSUOT_CENTRAL_PAGES_LISTEN. An error names the file, the line and the
// value, or the variable.
func Load(path string, environ []string, prefix string, cfg any) error {
	if path != "" {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("read configuration: %w", err)
		}
		defer f.Close()
		err = yaml.NewDecoder(f, yaml.Strict()).Decode(cfg)
		if err != nil && !errors.Is(err, io.EOF) { // an empty file changes no default
			return fmt.Errorf("%s: %s", path, explain(err))
		}
	}
	return overlay(environ, prefix, reflect.ValueOf(cfg).Elem())
}

// explain is the library's error with its place first and the lines around it.
func explain(err error) string {
	text := strings.TrimSpace(yaml.FormatError(err, false, true))
	if strings.Contains(text, "time.Duration") || strings.Contains(text, "time: ") {
		text += "\nwrite a duration with its unit, such as 10s or 5m"
	}
	return text
}

// overlay sets fields from variables. A variable with the prefix that names
// no field is an error, since it can only be a spelling mistake.
func overlay(environ []string, prefix string, cfg reflect.Value) error {
	fields := map[string]reflect.Value{}
	collect(strings.TrimSuffix(prefix, "_"), cfg, fields)
	var errs []error
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		field, ok := fields[name]
		if !ok {
			errs = append(errs, fmt.Errorf("%s: no field has this name (got %q)", name, value))
			continue
		}
		if field.Kind() == reflect.String {
			field.SetString(value)
			continue
		}
		if err := yaml.UnmarshalWithOptions([]byte(value), field.Addr().Interface(), yaml.Strict()); err != nil {
			errs = append(errs, fmt.Errorf("%s: want a value of type %s, durations with their unit (got %q)", name, field.Type(), value))
		}
	}
	return errors.Join(errs...)
}

// collect lists the fields that one variable can set: the leaves, and lists as
// a whole.
func collect(prefix string, v reflect.Value, out map[string]reflect.Value) {
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		key, _, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		if !sf.IsExported() || key == "-" || key == "" {
			continue
		}
		name := prefix + "_" + strings.ToUpper(key)
		if sf.Type.Kind() == reflect.Struct {
			collect(name, v.Field(i), out)
			continue
		}
		out[name] = v.Field(i)
	}
}
