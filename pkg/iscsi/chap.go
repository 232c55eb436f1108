package iscsi

import "path"

func (w *work) secrets(t Target, s *state) error {
	return w.chap(path.Join(w.c.groupDir(t.IQN), "auth"), "", t.CHAP, !s.group)
}

// chap sets the four files of an auth folder. The kernel stores a trailing
// newline as part of the secret, so none is written; NULL takes a value away.
func (w *work) chap(dir, object string, want CHAP, fresh bool) error {
	for _, f := range []struct {
		file, want string
	}{
		{"userid", want.User},
		{"password", want.Password.text},
		{"userid_mutual", want.MutualUser},
		{"password_mutual", want.MutualPassword.text},
	} {
		if fresh && f.want == "" {
			continue
		}
		file := path.Join(dir, f.file)
		is := ""
		if !fresh {
			var err error
			if is, err = w.c.read(file); err != nil {
				return &Error{Op: "read CHAP", Object: w.named(object), Path: file, Err: err}
			}
			if is == "NULL" {
				is = ""
			}
			if is == f.want {
				continue
			}
		}
		text := f.want
		if text == "" {
			text = "NULL"
		}
		ch := Change{Op: opSetAuth, Object: object, Is: shown(f.file, is), Want: shown(f.file, f.want)}
		if err := w.write(ch, file, text); err != nil {
			return err
		}
	}
	return nil
}

// shown says of a CHAP value only whether there is one.
func shown(file, value string) string {
	if value == "" {
		return ""
	}
	return file + " " + redacted
}
