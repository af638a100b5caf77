"""Installs open_spiel_ppsro."""

import re

import setuptools

with open("README.md", encoding="utf-8") as readme:
  long_description = readme.read()
with open("open_spiel_ppsro/__init__.py", encoding="utf-8") as package:
  version = re.search(r'__version__ = "(.+)"', package.read()).group(1)

setuptools.setup(
    name="open_spiel_ppsro",
    version=version,
    description="Pipeline PSRO and its relatives as an OpenSpiel extension",
    long_description=long_description,
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    package_data={"open_spiel_ppsro": ["*.pyi", "py.typed", "commands/*.csv"]},
    entry_points={"console_scripts": [
        "ppsro = open_spiel_ppsro.commands.command_line:main"]},
    packages=setuptools.find_packages(include=["open_spiel_ppsro*"]),
    python_requires=">=3.11",
    install_requires=[
        "absl-py",
        "highspy",
        "lazy_loader",
        "numpy",
        "open_spiel",
        "rich",
        "scipy",
        "torch",
        # What importing OpenSpiel's psro_v2 needs and its wheel does not pull.
        "cvxpy",
        "matplotlib",
        "networkx",
    ],
    extras_require={
        "benchmark": ["dm-tree"],  # OpenSpiel's torch DQN imports it.
        "docs": ["furo", "myst-parser", "sphinx"],
        "fast": ["numba"],  # Walks of phantom boards for intervals.
        "onnx": ["onnx", "onnxscript"],  # What torch's exporter imports.
        "ray": ["ray"],
        "tensorboard": ["tensorboard"],
        "test": ["dm-tree", "hypothesis", "ipykernel", "mypy", "nbclient",
                 "numba", "onnx", "onnxruntime", "onnxscript", "pyte", "pytest",
                 "pytest-xdist", "ray", "ruff", "tensorboard"],
        "wandb": ["wandb"],
    },
    classifiers=[
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
