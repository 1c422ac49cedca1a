//! Tables as all our commands show them: no frames, one header line, as wide as the terminal and no wider.

use comfy_table::{CellAlignment, ContentArrangement, Table as Grid, presets};

use crate::terminal::Terminal;

/// A table on its way to the terminal. Cells hold foreign text as it is: [`Table::row`] neutralises it.
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    /// Cells are never broken, however wide that makes the table.
    whole: bool,
    /// It goes to stderr.
    talk: bool,
}

struct Column {
    name: String,
    to_the_right: bool,
    /// The width of its widest cell.
    width: usize,
}

/// What stands between two columns.
const GAP: usize = 2;

impl Table {
    /// A table with these columns. A name that ends in `>` is aligned to the right, as numbers are.
    #[must_use]
    pub fn new(columns: &[&str]) -> Table {
        let column = |name: &&str| {
            let (name, to_the_right) = (name.trim_end_matches('>').to_owned(), name.ends_with('>'));
            Column { width: width(&name), name, to_the_right }
        };
        Table { columns: columns.iter().map(column).collect(), rows: Vec::new(), whole: false, talk: false }
    }

    /// The same for stderr.
    #[must_use]
    pub fn of_talk(columns: &[&str]) -> Table {
        Table { talk: true, ..Table::new(columns) }
    }

    /// Adds a row with as many cells as there are columns.
    pub fn row(&mut self, terminal: &Terminal, cells: impl IntoIterator<Item = String>) {
        let foreign = |cell: String| {
            if self.talk { terminal.foreign_talk(&cell) } else { terminal.foreign(&cell) }.replace('\n', " ")
        };
        let cells: Vec<String> = cells.into_iter().map(foreign).collect();
        debug_assert_eq!(cells.len(), self.columns.len(), "a row has a cell for each column");
        for (column, cell) in self.columns.iter_mut().zip(&cells) {
            column.width = column.width.max(width(cell));
        }
        self.rows.push(cells);
    }

    /// Keeps cells whole: where there is not room enough, the columns of that list are left out, in turn, until the rest fits.
    /// Returns what was left out. Where the room has no end, nothing is.
    pub fn keep_whole<'a>(&mut self, room: Option<u16>, less_important: &[&'a str]) -> Vec<&'a str> {
        self.whole = true;
        let mut left_out = Vec::new();
        for &name in less_important {
            if room.is_none_or(|room| self.width() <= usize::from(room)) {
                break;
            }
            if let Some(at) = self.columns.iter().position(|column| column.name == name) {
                self.columns.remove(at);
                self.rows.iter_mut().for_each(|row| drop(row.remove(at)));
                left_out.push(name);
            }
        }
        left_out
    }

    /// The table as lines without trailing blanks.
    #[must_use]
    pub fn lines(&self, terminal: &Terminal) -> Vec<String> {
        // Nothing to break: laid out here. For 10,000 rows comfy-table takes 35 ms (measured), a twentieth of `evbus queues`.
        if self.whole || (self.width() <= usize::from(terminal.width()) && self.is_plain()) {
            return self.unbroken();
        }
        self.broken(terminal.width())
    }

    /// How wide it is where nothing is broken.
    fn width(&self) -> usize {
        self.columns.iter().map(|column| column.width).sum::<usize>() + GAP * self.columns.len().saturating_sub(1)
    }

    fn is_plain(&self) -> bool {
        !self.rows.iter().flatten().any(|cell| cell.contains(char::is_control))
    }

    fn unbroken(&self) -> Vec<String> {
        let names: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        std::iter::once(&names)
            .chain(&self.rows)
            .map(|cells| {
                let mut line = String::with_capacity(self.width());
                for (at, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
                    let blank = column.width - width(cell);
                    let (before, behind) = if column.to_the_right { (blank, 0) } else { (0, blank) };
                    line.extend(std::iter::repeat_n(' ', if at == 0 { before } else { before + GAP }));
                    line.push_str(cell);
                    line.extend(std::iter::repeat_n(' ', behind));
                }
                line.truncate(line.trim_end().len());
                line
            })
            .collect()
    }

    fn broken(&self, width: u16) -> Vec<String> {
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        grid.set_header(self.columns.iter().map(|column| column.name.as_str()));
        grid.add_rows(&self.rows);
        for (at, column) in self.columns.iter().enumerate() {
            if let Some(shown) = grid.column_mut(at) {
                shown.set_padding((0, if at + 1 == self.columns.len() { 0 } else { 2 }));
                if column.to_the_right {
                    shown.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        grid.lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { console::measure_text_width(text) }
}

/// A count that may be unknown.
#[must_use]
pub fn count(count: Option<u64>) -> String {
    count.map_or_else(|| "?".to_owned(), |count| count.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Manner;

    fn table(rows: &[[&str; 3]]) -> (Table, Terminal) {
        let terminal = Terminal::of_process(Manner::default());
        let mut table = Table::new(&["NAME", "COUNT>", "NOTE"]);
        for row in rows {
            table.row(&terminal, row.map(str::to_owned));
        }
        (table, terminal)
    }

    #[test]
    fn what_needs_no_breaking_looks_as_if_it_had_been_broken() {
        let rows = [["a", "1", ""], ["größer als 日本語", "123456", "DLQ down"], ["", "?", "x"]];
        let (table, _) = table(&rows);
        assert_eq!(table.unbroken(), table.broken(200));
        let exact = u16::try_from(table.width()).expect("a small table");
        assert_eq!(table.unbroken(), table.broken(exact), "also where it just fits");
        assert_ne!(table.unbroken(), table.broken(exact - 1));
    }

    #[test]
    fn whole_names_cost_columns_only_where_there_is_an_edge() {
        let long = "a.name.that.is.as.long.as.names.are";
        let rows = [[long, "1", "DLQ"]];
        let (mut everything, terminal) = table(&rows);
        assert_eq!(everything.keep_whole(None, &["NOTE", "COUNT"]), Vec::<&str>::new());
        assert!(everything.lines(&terminal)[1].ends_with("DLQ"));
        let (mut narrow, terminal) = table(&rows);
        assert_eq!(narrow.keep_whole(Some(45), &["NOTE", "COUNT"]), ["NOTE"]);
        assert_eq!(narrow.lines(&terminal)[1], format!("{long}      1"));
        let (mut narrower, terminal) = table(&rows);
        assert_eq!(narrower.keep_whole(Some(20), &["NOTE", "COUNT"]), ["NOTE", "COUNT"]);
        assert_eq!(narrower.lines(&terminal)[1], long, "rather beyond the edge than broken");
    }
}
