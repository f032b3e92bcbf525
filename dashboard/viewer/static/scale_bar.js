// The scale bar of a pane: a round length near a fifth of its width, in nm (Å when small, voxels without a voxel size).

export function scaleBar(pane) {
  const { bar, viewer, size } = pane;
  const voxel = viewer.voxelSize ? Math.min(...viewer.voxelSize) : null;
  const perUnit = pane.scale().unit; // CSS pixels per smallest voxel
  const aim = Math.min(120, size.width / 5);
  const { length, text } = voxel ? roundLength((aim / perUnit) * voxel) : roundVoxels(aim / perUnit);
  const width = Math.round((voxel ? length / voxel : length) * perUnit);
  bar.hidden = !viewer.layer || width < 8;
  const shown = `${width}|${text}`;
  if (bar.dataset.shown === shown) return;
  bar.dataset.shown = shown;
  bar.firstChild.style.width = `${width}px`;
  bar.lastChild.textContent = text;
}

function roundLength(angstroms) {
  const length = oneTwoFive(angstroms);
  if (length < 10) return { length, text: `${length} Å` };
  if (length < 10000) return { length, text: `${length / 10} nm` };
  return { length, text: `${length / 10000} µm` };
}

function roundVoxels(voxels) {
  const length = Math.max(1, oneTwoFive(voxels));
  return { length, text: `${length} voxels` };
}

function oneTwoFive(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const digit = value / power;
  return (digit >= 5 ? 5 : digit >= 2 ? 2 : 1) * power;
}
