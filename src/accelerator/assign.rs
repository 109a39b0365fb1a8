//! Which of several accelerators runs which model.

/// For each model, by its number of cameras, the devices that run it: a model of no camera has none. With more
/// models than devices each has one, and the cameras are spread evenly; with fewer, models with many cameras have
/// several, which split them.
#[must_use]
pub fn assign(cameras: &[usize], devices: usize) -> Vec<Vec<usize>> {
    let mut assigned = vec![Vec::new(); cameras.len()];
    let mut load = vec![0; devices];
    let mut order: Vec<usize> = (0..cameras.len()).filter(|&model| cameras[model] > 0).collect();
    order.sort_by_key(|&model| std::cmp::Reverse(cameras[model]));
    for &model in &order {
        let Some(device) = (0..devices).min_by_key(|&device| load[device]) else { break };
        load[device] += cameras[model];
        assigned[model].push(device);
    }
    for device in (0..devices).filter(|&device| load[device] == 0) {
        let share = |model: &&usize| cameras[**model] as f64 / assigned[**model].len() as f64;
        let busiest = order.iter().filter(|&&model| cameras[model] > assigned[model].len());
        let busiest = busiest.max_by(|a, b| share(a).total_cmp(&share(b)));
        let Some(&model) = busiest else { break };
        assigned[model].push(device);
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_shared_by_cameras() {
        for (cameras, devices, wanted) in [
            (&[4][..], 1, &[&[0][..]][..]),
            (&[4], 2, &[&[0, 1]]),
            (&[1], 2, &[&[0]]),
            (&[1, 3], 2, &[&[1], &[0]]),
            (&[1, 5], 4, &[&[1], &[0, 2, 3]]),
            (&[2, 2, 3], 2, &[&[1], &[1], &[0]]),
            (&[0, 2], 2, &[&[], &[0, 1]]),
            (&[2], 0, &[&[]]),
        ] {
            assert_eq!(assign(cameras, devices), wanted, "{cameras:?} on {devices}");
        }
    }
}
