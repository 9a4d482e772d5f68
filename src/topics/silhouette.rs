//! How dense groups are and how far apart.

use rayon::prelude::*;

use super::community::renumbered;
use super::vector::{Matrix, direction, product, products, sum};

/// Rows worked on at once by a thread.
const ROWS: usize = 32;

/// A group's mean vector: eight bits for its direction, and how long it is.
struct Mean {
    direction: Vec<i8>,
    length: f64,
    size: usize,
}

/// The mean silhouette (Rousseeuw 1987) with one minus the cosine as distance, and the mean margin that it is made of: how
/// much nearer one is to the own group than to the next. The mean product with a group is the product with its mean, so no
/// pairs are looked at.
pub fn silhouette(matrix: &Matrix, group_of: &[u32]) -> (f64, f64) {
    let (group_of, len) = renumbered(group_of);
    let means = means(matrix, &group_of, len);
    let directions: Vec<i8> = means
        .iter()
        .flat_map(|mean| mean.direction.clone())
        .collect();
    let starts: Vec<usize> = (0..matrix.len()).step_by(ROWS).collect();
    let of_block = |&start: &usize| {
        let end = (start + ROWS).min(matrix.len());
        let mut tile = vec![0; (end - start) * len];
        products(
            matrix.rows(start, end),
            &directions,
            matrix.width(),
            &mut tile,
        );
        let lines = (start..end).zip(tile.chunks(len.max(1)));
        let each = lines.map(|(row, line)| of_row(matrix.row(row), group_of[row], line, &means));
        each.fold((0.0, 0.0), |total, one| (total.0 + one.0, total.1 + one.1))
    };
    // Collected before they are added up: the order of floats is fixed.
    let blocks: Vec<(f64, f64)> = starts.par_iter().map(of_block).collect();
    let total = blocks
        .iter()
        .fold((0.0, 0.0), |total, one| (total.0 + one.0, total.1 + one.1));
    let count = matrix.len().max(1) as f64;
    (total.0 / count, total.1 / count)
}

fn means(matrix: &Matrix, group_of: &[u32], len: usize) -> Vec<Mean> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); len];
    for (node, group) in group_of.iter().enumerate() {
        members[*group as usize].push(node);
    }
    let mean = |nodes: &Vec<usize>| {
        let total = sum(matrix.width(), nodes.iter().map(|node| matrix.row(*node)));
        let square: f64 = total.iter().map(|v| (*v as f64) * (*v as f64)).sum();
        Mean {
            direction: direction(&total).0.into_vec(),
            length: square.sqrt() / 127.0 / nodes.len() as f64,
            size: nodes.len(),
        }
    };
    members.par_iter().map(mean).collect()
}

/// Silhouette and margin of one row; `line` has its products with the directions of all groups.
fn of_row(row: &[i8], own: u32, line: &[i32], means: &[Mean]) -> (f64, f64) {
    let own = own as usize;
    let itself = f64::from(product(row, row));
    if means[own].size < 2 || itself <= 0.0 {
        return (0.0, 0.0);
    }
    let cosine = |group: usize| f64::from(line[group]) * means[group].length / itself;
    let size = means[own].size as f64;
    let inside = (cosine(own) * size - 1.0) / (size - 1.0);
    let others = (0..means.len()).filter(|group| *group != own && means[*group].size > 1);
    let outside = others.map(cosine).fold(f64::NEG_INFINITY, f64::max);
    let farthest = (1.0 - inside).max(1.0 - outside);
    if outside.is_finite() && farthest > 0.0 {
        ((inside - outside) / farthest, inside - outside)
    } else {
        (0.0, 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Vector;

    fn matrix(vectors: &[[f32; 2]]) -> Matrix {
        let vectors: Vec<Vector> = vectors.iter().map(|v| Vector::from_floats(v)).collect();
        Matrix::new(&vectors)
    }

    #[test]
    fn groups_far_apart_have_a_silhouette_near_one() {
        let matrix = matrix(&[[1.0, 0.02], [1.0, 0.0], [0.0, 1.0], [0.02, 1.0]]);
        let (good, margin) = silhouette(&matrix, &[0, 0, 1, 1]);
        assert!(good > 0.95 && margin > 0.9, "{good} {margin}");
        let (bad, _) = silhouette(&matrix, &[0, 1, 0, 1]);
        assert!(bad < 0.0, "{bad}");
    }

    #[test]
    fn single_nodes_count_as_nothing() {
        assert_eq!(
            silhouette(&matrix(&[[1.0, 0.0], [0.0, 1.0]]), &[0, 1]),
            (0.0, 0.0)
        );
        assert_eq!(silhouette(&matrix(&[]), &[]), (0.0, 0.0));
    }
}
