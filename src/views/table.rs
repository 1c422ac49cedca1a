//! Tables as all our commands show them: no frames, one header line, as wide as the terminal and no wider.

use comfy_table::{CellAlignment, ContentArrangement, Table as Grid, presets};

use crate::terminal::Terminal;

/// A table on its way to the terminal. Cells hold foreign text as it is: [`Table::show`] neutralises it.
pub struct Table {
    grid: Grid,
    header: Vec<String>,
}

impl Table {
    /// A table with these columns. A name that ends in `>` is aligned to the right, as numbers are.
    #[must_use]
    pub fn new(columns: &[&str]) -> Table {
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        let header: Vec<String> = columns.iter().map(|name| name.trim_end_matches('>').to_owned()).collect();
        grid.set_header(header.clone());
        for (at, name) in columns.iter().enumerate() {
            if let Some(column) = grid.column_mut(at) {
                let last = at + 1 == columns.len();
                column.set_padding((0, if last { 0 } else { 2 }));
                if name.ends_with('>') {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        Table { grid, header }
    }

    /// Adds a row with as many cells as there are columns.
    pub fn row(&mut self, terminal: &Terminal, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| terminal.foreign(&cell).replace('\n', " ")).collect();
        debug_assert_eq!(cells.len(), self.header.len(), "a row has a cell for each column");
        self.grid.add_row(cells);
    }

    /// The table as lines without trailing blanks.
    #[must_use]
    pub fn lines(&mut self, terminal: &Terminal) -> Vec<String> {
        self.grid.set_width(terminal.width());
        self.grid.lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

/// A count that may be unknown.
#[must_use]
pub fn count(count: Option<u64>) -> String {
    count.map_or_else(|| "?".to_owned(), |count| count.to_string())
}
