//! Pages and what is in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page of documentation.
pub struct Page {
    /// Its path from the project's folder.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// A code block of a page.
pub struct Block<'a> {
    /// The page and the line of its first fence.
    pub place: String,
    /// The first word after the fence.
    pub language: &'a str,
    /// The words that follow the language: words, and names with values.
    pub words: Vec<&'a str>,
    /// Its lines, without the indentation of the fence.
    pub text: String,
}

impl<'a> Block<'a> {
    /// The value of a name after the language.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

impl Page {
    /// Reads a page.
    pub fn read(name: &str) -> Self {
        let text = fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name: name.to_owned(), text }
    }

    /// Each line with its number, and whether it is in a code block or a fence.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str, bool)> {
        let mut is_code = false;
        self.text.lines().enumerate().map(move |(index, line)| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            (index + 1, line, is_code || is_fence)
        })
    }

    /// Its code blocks.
    pub fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block<'_>> = Vec::new();
        let mut indentation = None;
        for (number, line, is_code) in self.lines() {
            match (indentation, line.trim_start().strip_prefix("```")) {
                (None, Some(info)) => {
                    let mut words = info.split_whitespace();
                    blocks.push(Block {
                        place: format!("{}:{number}", self.name),
                        language: words.next().unwrap_or_default(),
                        words: words.collect(),
                        text: String::new(),
                    });
                    indentation = Some(line.len() - line.trim_start().len());
                }
                (Some(_), Some(_)) => indentation = None,
                (Some(indentation), None) => {
                    assert!(is_code);
                    let block = blocks.last_mut().unwrap();
                    block.text += line.get(indentation..).unwrap_or_default();
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert_eq!(indentation, None, "{}: a code block does not end", self.name);
        blocks
    }

    /// The text outside of code blocks, with the code in it, and the code alone.
    pub fn prose_and_code(&self) -> (String, Vec<&str>) {
        let (mut prose, mut code) = (String::new(), Vec::new());
        let mut rest = self.text.as_str();
        // Fences are three backticks, and code in prose is between single ones, so both are what
        // lies between two marks.
        while let Some(start) = rest.find('`') {
            prose += &rest[..start];
            rest = &rest[start..];
            let mark = if rest.starts_with("```") { "```" } else { "`" };
            let inner = &rest[mark.len()..];
            let end = inner.find(mark).unwrap_or_else(|| panic!("{}: {mark} does not end", self.name));
            if mark == "`" {
                code.push(&inner[..end]);
            }
            rest = &inner[end + mark.len()..];
        }
        prose += rest;
        (prose, code)
    }

    /// The anchors of its headings, as GitHub makes them.
    pub fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        for (number, line, is_code) in self.lines() {
            let Some(title) = line.strip_prefix('#').filter(|_| !is_code) else { continue };
            let title = title.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
            let anchor = kept.collect::<String>().replace(' ', "-");
            assert!(anchors.insert(anchor), "{}:{number}: two headings with one anchor", self.name);
        }
        anchors
    }

    /// Where its links lead.
    pub fn links(&self) -> Vec<String> {
        let (prose, _) = self.prose_and_code();
        let after = prose.split("](").skip(1);
        after.map(|rest| rest.split_once(')').unwrap_or_else(|| panic!("{}: {rest}", self.name)).0.to_owned()).collect()
    }
}

/// The README and the pages: what the package installs.
pub fn pages() -> Vec<Page> {
    let mut names: Vec<String> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().into_string().unwrap()))
        .collect();
    names.sort();
    // The package installs the pages and their pictures. The script that makes those stays here.
    names.retain(|name| !name.ends_with(".png") && name != "docs/screenshots.sh");
    assert!(names.iter().all(|name| name.ends_with(".md")), "the package installs only docs/*.md: {names:?}");
    names.insert(0, "README.md".to_owned());
    names.iter().map(|name| Page::read(name)).collect()
}

/// Pages that are read in the project's folder alone.
pub fn other_pages() -> Vec<Page> {
    ["CONTRIBUTING.md", "fuzz/README.md", "pcaps/README.md"].iter().map(|name| Page::read(name)).collect()
}
