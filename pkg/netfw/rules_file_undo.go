package netfw

// filesBefore is what the rule files have to be for b to be put back. The two
// families' files are shared by several parts: of a file that has chains of
// other parts now, only the chains that b is about go back, because the others
// may have been applied anew since.
func (d *Driver) filesBefore(b RulesBefore) ([]FileState, error) {
	files := make([]FileState, len(b.Files))
	copy(files, b.Files)
	for _, fb := range b.Families {
		for i := range files {
			if files[i].Path != d.ruleFile(fb.Family) {
				continue
			}
			shared, err := d.sharedFile(files[i], fb)
			if err != nil {
				return nil, err
			}
			files[i] = shared
		}
	}
	return files, nil
}

// sharedFile is was, or the present file with the chains of fb as was has them
// when it has chains of other parts as well.
func (d *Driver) sharedFile(was FileState, fb FamilyBefore) (FileState, error) {
	present, exists, err := d.read(was.Path)
	if err != nil || !exists {
		return was, err
	}
	is, err := parseSave(string(present))
	if err != nil {
		return was, nil // damaged: there is nothing in it to keep
	}
	before, _ := parseSave(string(was.Content))
	var chains []Chain
	var parts Part
	others := false
	for _, own := range ownChains(fb.Family) {
		if !fb.has(own) {
			others = others || is.chain(own.Table, own.Name) != nil
			continue
		}
		parts |= own.Part
		if c := before.chain(own.Table, own.Name); c != nil {
			own.Rules = c.texts()
			chains = append(chains, own)
		}
	}
	if !others {
		return was, nil
	}
	return FileState{Path: was.Path, Exists: true, Content: mergeFile(present, fb.Family, chains, parts), Mode: secretMode}, nil
}

func (fb FamilyBefore) has(c Chain) bool {
	for _, b := range fb.Chains {
		if b.Table == c.Table && b.Name == c.Name {
			return true
		}
	}
	return false
}
