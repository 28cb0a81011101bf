import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.aim.gpu_names import AMD_GPU, DEVICES, NVIDIA_GPU, device_ids, device_model, normalise, vendor_by_name

NAMES = [
    ("MI300X", "MI300X", AMD_GPU),
    ("mi300x", "MI300X", AMD_GPU),
    (" MI300X ", "MI300X", AMD_GPU),
    ("Instinct MI300X", "MI300X", AMD_GPU),
    ("AMD Instinct MI300X OAM", "MI300X", AMD_GPU),
    ("AMD_Instinct_MI325_OAM", "MI325", AMD_GPU),
    ("MI300X (rev 2)", "MI300X", AMD_GPU),
    ("amd_mi210", "MI210", AMD_GPU),
    ("Radeon PRO W7900", "W7900", AMD_GPU),
    ("Radeon Pro V710 MxGPU", "V710", AMD_GPU),
    ("Radeon RX 7900 XTX", "RX7900", AMD_GPU),
    ("AMD_Radeon_8060S_Graphics", "8060S", AMD_GPU),
    ("AMD-74a1", "MI300X", AMD_GPU),
    ("amd-ffff", "AMD-FFFF", AMD_GPU),
    ("A100-SXM4-40GB", "A100", NVIDIA_GPU),
    ("NVIDIA-A100-SXM4-80GB", "A100", NVIDIA_GPU),
    ("NVIDIA-A100-80GB-PCIe", "A100", NVIDIA_GPU),
    ("NVIDIA-H100-80GB-HBM3", "H100", NVIDIA_GPU),
    ("NVIDIA-H100-80GB-HBM3-MIG-1g.10gb", "H100", NVIDIA_GPU),
    ("NVIDIA-H100-NVL", "H100", NVIDIA_GPU),
    ("NVIDIA-H200", "H200", NVIDIA_GPU),
    ("NVIDIA-GH200-480GB", "GH200", NVIDIA_GPU),
    ("NVIDIA-GB200", "GB200", NVIDIA_GPU),
    ("NVIDIA-B300-SXM6-AC", "B300", NVIDIA_GPU),
    ("NVIDIA-L4", "L4", NVIDIA_GPU),
    ("NVIDIA-L4-SHARED", "L4", NVIDIA_GPU),
    ("NVIDIA-L40S", "L40S", NVIDIA_GPU),
    ("NVIDIA-A10G", "A10G", NVIDIA_GPU),
    ("Tesla T4", "T4", NVIDIA_GPU),
    ("Tesla-T4-SHARED", "T4", NVIDIA_GPU),
    ("NVIDIA-Tesla-T4", "T4", NVIDIA_GPU),
    ("GRID-T4-16Q", "T4", NVIDIA_GPU),
    ("Tesla-V100-SXM2-16GB", "V100", NVIDIA_GPU),
    ("NVIDIA-RTX-A6000", "A6000", NVIDIA_GPU),
    ("A6000", "A6000", NVIDIA_GPU),
    ("NVIDIA-GeForce-RTX-4090", "RTX4090", NVIDIA_GPU),
    ("RTX4090", "RTX4090", NVIDIA_GPU),
    ("RTX 4070 Ti SUPER", "RTX4070TISUPER", NVIDIA_GPU),
    ("RTX4070 Ti", "RTX4070TI", NVIDIA_GPU),
    ("NVIDIA-RTX-6000-Ada-Generation", "RTX6000ADA", NVIDIA_GPU),
    ("Quadro-RTX-6000", "RTX6000", NVIDIA_GPU),
    ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", "RTXPRO6000", NVIDIA_GPU),
    ("NVIDIA-GeForce-GTX-1660-Ti-SHARED", "GTX1660TI", NVIDIA_GPU),
    ("GeForce-GT-710", "GT710", NVIDIA_GPU),
    ("NVIDIA-TITAN-RTX", "TITAN-RTX", NVIDIA_GPU),
    ("ampere", "AMPERE", AMD_GPU),
    ("Tesla", "TESLA", AMD_GPU),
    ("", "", AMD_GPU),
]


@pytest.mark.parametrize(("name", "model", "vendor"), NAMES, ids=[repr(row[0]) for row in NAMES])
def test_a_name_is_brought_to_one_form_and_its_vendor_told(name, model, vendor):
    assert normalise(name) == model
    assert vendor_by_name(model) == vendor


WORDS = [
    "AMD",
    "NVIDIA",
    "RTX",
    "GTX",
    "RX",
    "PRO",
    "Tesla",
    "4090",
    "A6000",
    "Ti",
    "SUPER",
    "Ada",
    "74a1",
    "SXM4",
    "MI300X",
    "-",
    "(",
    "x",
]


@given(st.text(max_size=40) | st.lists(st.sampled_from(WORDS), max_size=6).map("-".join))
def test_normalising_twice_changes_nothing(name):
    assert normalise(normalise(name)) == normalise(name)


@pytest.mark.parametrize("model", sorted(set(DEVICES.values())))
def test_every_model_of_the_table_is_its_own_normal_form_and_amds(model):
    assert normalise(model) == model
    assert vendor_by_name(model) == AMD_GPU


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("74a1", "MI300X"),
        ("0x74A1", "MI300X"),
        ("0X74a5", "MI325X"),
        (" 740f ", "MI210"),
        ("75a3", "MI355X"),
        ("6860", "AMD-6860"),
        ("0xbeef", "AMD-BEEF"),
    ],
)
def test_a_device_id_gives_its_model_or_itself(text, model):
    assert device_model(text) == model


@pytest.mark.parametrize(
    ("model", "ids"),
    [("MI300X", ("74a1", "74a9", "74b5", "74bd")), ("MI300A", ("74a0",)), ("AMD-6860", ("6860",)), ("H100", ())],
)
def test_a_model_knows_its_device_ids(model, ids):
    assert device_ids(model) == ids
